import type { SettingName } from '../config.js';

/** What the documents say of each setting. A setting without its entry does not compile. */

/**
 * Whose environment counts. `call`: the MCP server or command that an MCP client or a person starts. `stack`: the local
 * stack, which takes it from whoever starts it. `worker`: the worker; the local stack's has the stack's environment.
 */
export type Reader = 'call' | 'stack' | 'worker' | 'all';

export type SettingGroup = 'temporal' | 'folders' | 'jobs' | 'references' | 'stack' | 'worker' | 'patience';

export interface SettingText {
  group: SettingGroup;
  readBy: readonly Reader[];
  /** Where the schema has none that can be shown. */
  unset?: string;
  /** Sentences for a table cell. */
  text: string;
}

export const SETTING_TEXTS: Readonly<Record<SettingName, SettingText>> = {
  TEMPORAL_ADDRESS: {
    group: 'temporal',
    readBy: ['call', 'worker'],
    unset: 'none: the local stack',
    text: '`host:port` of a Temporal server of your own. Jobs run there then, and no local stack is started.',
  },
  TEMPORAL_PROFILE: {
    group: 'temporal',
    readBy: ['call', 'worker'],
    unset: 'none',
    text: 'A profile of `temporal.toml` instead of `TEMPORAL_ADDRESS`. The file alone, with neither of the two set, changes nothing.',
  },
  TEMPORAL_NAMESPACE: {
    group: 'temporal',
    readBy: ['call', 'worker'],
    text: 'The namespace at that server. The local stack uses its own.',
  },
  TEMPORAL_CLI: {
    group: 'stack',
    readBy: ['stack'],
    unset: 'looked for: the cache, installed ones, the official release, a build with Go',
    text: 'Path of the `temporal` program that the local stack runs.',
  },
  IMAGE_DATA_DIR: {
    group: 'folders',
    readBy: ['all'],
    unset: 'the user data folder of the platform + `durable-image-mcp`',
    text: 'Store, database, logs and credentials file. One folder is one local stack; it must lie on a disk of this machine.',
  },
  IMAGE_CACHE_DIR: {
    group: 'folders',
    readBy: ['stack'],
    unset: 'the user cache folder of the platform + `durable-image-mcp`',
    text: 'The `temporal` program that was downloaded or built; shared by all data folders.',
  },
  IMAGE_BLOB_STORE: {
    group: 'folders',
    readBy: ['call', 'worker'],
    unset: '`file:` + `store` in the data folder',
    text: 'Where pictures, manifests and attempt records are kept, as `file:/absolute/path` or `s3://bucket/prefix`. Clients and workers of one Temporal must share it.',
  },
  IMAGE_SAVE_ROOT: {
    group: 'folders',
    readBy: ['call'],
    unset: '`~/Pictures/durable-image-mcp`',
    text: '`save_dir` must lie below this folder, or below a root that the MCP client declares.',
  },
  IMAGE_SAVE_DIR: {
    group: 'folders',
    readBy: ['call'],
    unset: 'the save root',
    text: 'Where pictures are saved when a call gives no `save_dir`; a relative `save_dir` lies below it.',
  },
  EFLOWCODE_SAVE_DIR_ROOT: {
    group: 'folders',
    readBy: ['call'],
    unset: 'none',
    text: 'Read as `IMAGE_SAVE_ROOT` when that is not set.',
  },
  EFLOWCODE_SAVE_DIR: {
    group: 'folders',
    readBy: ['call'],
    unset: 'none',
    text: 'Read as `IMAGE_SAVE_DIR` when that is not set.',
  },
  EF_SAVE_DIR_ROOT: { group: 'folders', readBy: ['call'], unset: 'none', text: 'The same, when none of the others is set.' },
  EF_SAVE_DIR: { group: 'folders', readBy: ['call'], unset: 'none', text: 'The same, when none of the others is set.' },
  IMAGE_REFERENCE_ROOTS: {
    group: 'references',
    readBy: ['call', 'worker'],
    unset:
      'home, temp, the save root, the roots of the MCP client, and the working folder unless it is a drive root, a system folder or a parent of home',
    text: 'Folders that local references may be read from, separated as in `PATH`; replaces the default list.',
  },
  IMAGE_PROVIDER: {
    group: 'jobs',
    readBy: ['call', 'worker'],
    unset: 'the first with a key, else `local`',
    text: 'The provider of calls that name none; with a remote Temporal the setting of the worker.',
  },
  IMAGE_FALLBACK: {
    group: 'jobs',
    readBy: ['call'],
    unset: 'none',
    text: 'Providers for calls that give no `fallback`, in order, as in `fal,bfl`; those without a key, or that cannot do what is asked, are left out.',
  },
  IMAGE_PROMPT_PREFIX: {
    group: 'jobs',
    readBy: ['call'],
    unset: 'empty',
    text: 'Put before every prompt that does not begin with it; at most 4,000 characters.',
  },
  EFLOWCODE_PROMPT_PREFIX: {
    group: 'jobs',
    readBy: ['call'],
    unset: 'none',
    text: 'Read as `IMAGE_PROMPT_PREFIX` when that is not set.',
  },
  EF_PROMPT_PREFIX: { group: 'jobs', readBy: ['call'], unset: 'none', text: 'The same, when none of the others is set.' },
  IMAGE_CREDENTIALS_FILE: {
    group: 'folders',
    readBy: ['stack', 'worker'],
    unset: '`credentials.env` in the data folder, if there',
    text: 'Keys as `NAME=value` lines, for jobs that no client with a key has started; refused unless only its owner can read it.',
  },
  IMAGE_PROVIDERS_FILE: {
    group: 'jobs',
    readBy: ['call', 'worker'],
    unset: 'none',
    text: 'JSON file with what you know better of providers and models: limits, sizes, default models, prices; see [providers](providers.md).',
  },
  IMAGE_LOG_LEVEL: {
    group: 'jobs',
    readBy: ['all'],
    text: '`trace`, `debug`, `info`, `warn`, `error` or `silent`. Logs go to stderr; those of the stack into `logs` in the data folder.',
  },
  IMAGE_STACK_IDLE_MINUTES: {
    group: 'stack',
    readBy: ['stack'],
    text: 'The local stack ends by itself after so many minutes without a client and without a job that could move.',
  },
  IMAGE_TEMPORAL_DOWNLOAD_URL: {
    group: 'stack',
    readBy: ['stack'],
    text: 'Where official releases of the `temporal` program are downloaded from; a mirror has the same paths below it.',
  },
  IMAGE_RETENTION_DAYS: {
    group: 'folders',
    readBy: ['worker'],
    unset: 'never',
    text: 'A job that ended so many days ago becomes `expired`: its pictures go from the store and its workflow from Temporal. Saved files stay. `gc` reads it from its own environment. References go 30 days after the end in any case.',
  },
  IMAGE_WAIT_MAX_SECONDS: {
    group: 'jobs',
    readBy: ['call'],
    unset: '50; 110 for MCP clients that are known to hold calls',
    text: 'Default and ceiling of one wait.',
  },
  IMAGE_INLINE_IMAGES: {
    group: 'jobs',
    readBy: ['call'],
    text: '`never`: answers carry no thumbnails or other pictures, only paths and links.',
  },
  IMAGE_ALLOW_AGENT_DOUBLE_CHARGE: {
    group: 'jobs',
    readBy: ['call'],
    text: "`1`: an agent's `acknowledge_possible_double_charge` counts without a person's yes.",
  },
  IMAGE_SUBMIT_TIMEOUT_SECONDS: {
    group: 'patience',
    readBy: ['worker'],
    text: 'A request that starts a generation in the background must be answered within this; later it may have been billed.',
  },
  IMAGE_SYNC_SUBMIT_TIMEOUT_SECONDS: {
    group: 'patience',
    readBy: ['worker', 'stack'],
    text: 'The same for a gateway without background mode, whose answer is the picture itself.',
  },
  IMAGE_SUBMIT_LISTEN_SECONDS: {
    group: 'patience',
    readBy: ['worker', 'stack'],
    text: 'How long a late answer is still listened for after that; it is collected, and the job becomes completed.',
  },
  IMAGE_SUBMIT_HEARTBEAT_SECONDS: {
    group: 'patience',
    readBy: ['worker'],
    text: 'A worker that died while it sent a request is noticed after this.',
  },
  IMAGE_COLLECT_HEARTBEAT_SECONDS: {
    group: 'patience',
    readBy: ['worker'],
    text: 'A worker that died while it polled is noticed after this.',
  },
  IMAGE_COLLECT_TIMEOUT_SECONDS: {
    group: 'patience',
    readBy: ['worker'],
    text: 'One stretch of polling; after it another one goes on with the same request.',
  },
  IMAGE_POLL_SECONDS: { group: 'patience', readBy: ['worker'], text: 'Longest time between two polls of a provider.' },
  IMAGE_STORE_TIMEOUT_SECONDS: { group: 'patience', readBy: ['worker'], text: 'Storing and saving the pictures of a job takes at most this.' },
  IMAGE_RETRY_INITIAL_SECONDS: { group: 'patience', readBy: ['worker'], text: 'First delay before a step is tried again.' },
  IMAGE_RETRY_MAX_SECONDS: { group: 'patience', readBy: ['worker'], text: 'Longest delay before a step is tried again.' },
  IMAGE_WAITING_POLL_SECONDS: {
    group: 'patience',
    readBy: ['worker'],
    text: 'How often a job that waits for a key, or for the answer to another sender, looks again.',
  },
  IMAGE_RETRY_HOURS: { group: 'patience', readBy: ['worker'], text: 'What can get better is tried again this many hours.' },
  IMAGE_SUBMIT_CONCURRENCY: { group: 'patience', readBy: ['worker'], text: 'Requests in flight from one worker to one provider.' },
  IMAGE_CONCURRENCY_BY_PROVIDER: {
    group: 'patience',
    readBy: ['worker'],
    unset: 'none',
    text: 'The same for some providers, as in `openai=10,fal=2`. The command `limits` changes it at run time.',
  },
  IMAGE_REQUESTS_PER_MINUTE: {
    group: 'patience',
    readBy: ['worker'],
    unset: 'none',
    text: 'Requests a minute to a provider from all workers together, as in `openai=60,fal=30`; in any one minute four more are possible. The command `limits` changes it at run time.',
  },
  IMAGE_STRICT_RATE: {
    group: 'patience',
    readBy: ['worker'],
    text: '`1`: these requests are evenly spaced over all workers, and no minute has more; costs a small write a request.',
  },
  IMAGE_DECODE_CONCURRENCY: {
    group: 'patience',
    readBy: ['worker'],
    text: 'Pictures that one worker decodes at a time; one of more than 25 megapixels counts twice, and takes up to 1 GB of memory.',
  },
  IMAGE_CONNECT_TIMEOUT_SECONDS: { group: 'patience', readBy: ['worker'], text: 'Connecting to a provider, or to the server of a reference.' },
  IMAGE_WORKER_HEALTH_ADDRESS: {
    group: 'worker',
    readBy: ['worker'],
    unset: 'none',
    text: '`host:port` where the worker answers `/healthz` (it runs), `/readyz` (Temporal has it among those that ask for work) and `/metrics` (Prometheus).',
  },
  IMAGE_WORKER_BUILD_ID: {
    group: 'worker',
    readBy: ['worker'],
    unset: 'not versioned',
    text: 'Worker Versioning of Temporal, behavior PINNED: a job ends on the build that began it. The worker gets no work before this build is made the current one of the deployment `durable-image-mcp`.',
  },
  IMAGE_WORKER_TUNER: {
    group: 'worker',
    readBy: ['worker'],
    text: '`resources` takes as many steps of workflows, uploads and storing at a time as 80 % of the memory and 90 % of the processors allow; `fixed` takes fixed numbers.',
  },
  IMAGE_ALLOW_PRIVATE_REFERENCE_URLS: {
    group: 'references',
    readBy: ['call', 'worker'],
    text: '`1` lets references come from private addresses and over plain `http://`. Off, so that no prompt can make this machine read its own network.',
  },
};

/** Further variables of the connection, as every Temporal program reads them. */
export const TEMPORAL_VARIABLES: Readonly<Record<string, string>> = {
  TEMPORAL_CONFIG_FILE: 'Path of the `temporal.toml` with the profiles.',
  TEMPORAL_API_KEY: 'API key of the server; switches TLS on.',
  TEMPORAL_TLS: '`true` or `false`: TLS without any of the following.',
  TEMPORAL_TLS_CLIENT_CERT_PATH: 'Client certificate, as a file; `TEMPORAL_TLS_CLIENT_CERT_DATA` holds it itself.',
  TEMPORAL_TLS_CLIENT_KEY_PATH: 'Its key, as a file; `TEMPORAL_TLS_CLIENT_KEY_DATA` holds it itself.',
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: 'CA of the server, as a file; `TEMPORAL_TLS_SERVER_CA_CERT_DATA` holds it itself.',
  TEMPORAL_TLS_SERVER_NAME: 'Name in the certificate of the server, when it is another than that of the address.',
  TEMPORAL_TLS_DISABLE_HOST_VERIFICATION: '`true` switches the check of that name off.',
};
