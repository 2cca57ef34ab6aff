import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import envPaths from 'env-paths';
import * as z from 'zod';
import { isS3 } from './blobs/s3/place.js';
import { JobFailure } from './contract/errors.js';
import { LIMITS } from './contract/input.js';
import type { ProviderName } from './contract/names.js';
import { resolveProvider } from './contract/provider-names.js';
import { readOverrides, type Overrides } from './generators/overrides.js';

/**
 * Every setting of the environment that is not an account (those: src/accounts). Read once a process; a value that
 * cannot be read is refused with its name. Numbers say their unit in their name.
 */

const paths = envPaths('durable-image-mcp', { suffix: '' });

const seconds = (fallback: number): z.ZodDefault<z.ZodCoercedNumber> => z.coerce.number().positive().default(fallback);
const count = (fallback: number): z.ZodDefault<z.ZodCoercedNumber> => z.coerce.number().int().positive().default(fallback);
const flag = z
  .enum(['0', '1', 'true', 'false'])
  .optional()
  .transform((value) => value === '1' || value === 'true');

/** `openai=60,fal=4`: a number by provider. */
const byProvider = z
  .string()
  .optional()
  .transform((text, context) => {
    const numbers: Partial<Record<ProviderName, number>> = {};
    for (const pair of text?.split(',') ?? []) {
      const [name = '', value = ''] = pair.split('=').map((part) => part.trim());
      const { provider } = resolveProvider(name, undefined);
      const number = Number(value);
      if (provider === undefined || !(number > 0 && Number.isFinite(number))) {
        context.addIssue({ code: 'custom', message: `${pair.trim()} is not a provider, = and a positive number, as in openai=60,fal=4` });
        return z.NEVER;
      }
      numbers[provider] = number;
    }
    return numbers;
  });

const providerList = z
  .string()
  .optional()
  .transform((text, context) => {
    const read = (text ?? '').split(',').flatMap((name) => (name.trim() === '' ? [] : [resolveProvider(name, undefined)]));
    for (const { problem } of read) if (problem) context.addIssue({ code: 'custom', message: problem.message });
    return read.flatMap(({ provider }) => provider ?? []);
  });

const promptPrefix = z
  .string()
  .max(LIMITS.promptPrefixCharacters, `must be at most ${LIMITS.promptPrefixCharacters} characters`)
  .optional();

const environment = z.object({
  TEMPORAL_ADDRESS: z.string().optional(),
  TEMPORAL_PROFILE: z.string().optional(),
  TEMPORAL_NAMESPACE: z.string().default('default'),
  TEMPORAL_CLI: z.string().optional(),
  IMAGE_DATA_DIR: z.string().optional(),
  IMAGE_CACHE_DIR: z.string().optional(),
  IMAGE_BLOB_STORE: z.string().optional(),
  IMAGE_SAVE_ROOT: z.string().optional(),
  IMAGE_SAVE_DIR: z.string().optional(),
  EFLOWCODE_SAVE_DIR_ROOT: z.string().optional(),
  EFLOWCODE_SAVE_DIR: z.string().optional(),
  EF_SAVE_DIR_ROOT: z.string().optional(),
  EF_SAVE_DIR: z.string().optional(),
  IMAGE_REFERENCE_ROOTS: z.string().optional(),
  IMAGE_PROVIDER: z.string().optional(),
  IMAGE_FALLBACK: providerList,
  IMAGE_PROMPT_PREFIX: promptPrefix,
  EFLOWCODE_PROMPT_PREFIX: promptPrefix,
  EF_PROMPT_PREFIX: promptPrefix,
  IMAGE_CREDENTIALS_FILE: z.string().optional(),
  IMAGE_PROVIDERS_FILE: z.string().optional(),
  IMAGE_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),

  /** Idle minutes before the local stack ends by itself. */
  IMAGE_STACK_IDLE_MINUTES: z.coerce.number().positive().default(15),
  /** Where official releases of the temporal CLI are downloaded from; a mirror has the same paths below it. */
  IMAGE_TEMPORAL_DOWNLOAD_URL: z.url().default('https://github.com/temporalio/cli/releases/download'),
  IMAGE_RETENTION_DAYS: z.coerce.number().positive().optional(),

  /** Ceiling and default of a wait; unset: by what is known of the client. */
  IMAGE_WAIT_MAX_SECONDS: z.coerce.number().positive().optional(),

  /** Whether tool answers carry pictures (thumbnails, previews) beside their text. */
  IMAGE_INLINE_IMAGES: z.enum(['auto', 'never']).default('auto'),
  /** The agent's own word is enough to buy again what may have been paid; off: a person has to say it. */
  IMAGE_ALLOW_AGENT_DOUBLE_CHARGE: flag,

  /** A background submit answers in seconds; two minutes cover a slow gateway. */
  IMAGE_SUBMIT_TIMEOUT_SECONDS: seconds(120),
  /** A synchronous generation of the largest pictures takes minutes; EFLOWCODE waited as long. */
  IMAGE_SYNC_SUBMIT_TIMEOUT_SECONDS: seconds(600),
  /** How long the socket stays open after the record was given up: a late reply is money found. */
  IMAGE_SUBMIT_LISTEN_SECONDS: seconds(600),
  /** A dead worker is noticed after this; heartbeats leave at a quarter of it, so three may get lost. */
  IMAGE_SUBMIT_HEARTBEAT_SECONDS: seconds(20),
  /** The same while polling, where nothing but time is lost. */
  IMAGE_COLLECT_HEARTBEAT_SECONDS: seconds(30),
  /** One collect; beyond it Temporal starts another, which goes on polling the same handle. */
  IMAGE_COLLECT_TIMEOUT_SECONDS: seconds(3600),
  /** Between two polls. OpenAI keeps a background result for ten minutes, so this is far below. */
  IMAGE_POLL_SECONDS: seconds(2),
  /** Decoding and writing ten large pictures takes seconds; a dead worker is noticed after this. */
  IMAGE_STORE_TIMEOUT_SECONDS: seconds(120),
  /** First delay of an activity's retry. */
  IMAGE_RETRY_INITIAL_SECONDS: seconds(1),
  /** Longest delay of an activity's retry: an outage that ended is noticed within it. */
  IMAGE_RETRY_MAX_SECONDS: seconds(60),
  /** How often a job that waits for a key, or for another sender's reply, looks again. */
  IMAGE_WAITING_POLL_SECONDS: seconds(5),
  /** What can get better is tried again this long. */
  IMAGE_RETRY_HOURS: seconds(24),
  /** Requests in flight to one provider from one worker. */
  IMAGE_SUBMIT_CONCURRENCY: count(20),
  /** The same for some providers. */
  IMAGE_CONCURRENCY_BY_PROVIDER: byProvider,
  /** Requests a minute to a provider from all workers; without: no limit of ours. */
  IMAGE_REQUESTS_PER_MINUTE: byProvider,
  /** Requests evenly spaced over all workers, exactly; off: Temporal's limit, which may burst by one a partition of the queue. */
  IMAGE_STRICT_RATE: flag,
  /** Decoded pictures need memory, at worst 1 GB for 50 megapixels: few at a time. */
  IMAGE_DECODE_CONCURRENCY: count(2),
  /** Connecting to an address that is not there. */
  IMAGE_CONNECT_TIMEOUT_SECONDS: seconds(10),
  /** Where a worker answers /healthz, /readyz and /metrics; unset: nowhere. */
  IMAGE_WORKER_HEALTH_ADDRESS: z.string().optional(),
  /** The build of a worker whose jobs stay with it until they end; unset: any worker goes on with any job. */
  IMAGE_WORKER_BUILD_ID: z.string().regex(/^[\w.:-]{1,200}$/, 'is made of letters, digits, dots, colons, hyphens and underscores').optional(),
  /** Fixed numbers of slots, or as many as processor and memory allow. */
  IMAGE_WORKER_TUNER: z.enum(['fixed', 'resources']).default('fixed'),
  /** Tests only reach loopback; so does a person's own picture server. Off: private addresses are refused for references. */
  IMAGE_ALLOW_PRIVATE_REFERENCE_URLS: flag,
});

export type SettingName = keyof typeof environment.shape;

export const SETTING_NAMES: readonly string[] = Object.keys(environment.shape);

/** What holds while nothing is set; settings without a default are absent. */
export function settingDefaults(): Partial<Record<SettingName, string | number | boolean | undefined>> {
  const { IMAGE_CONCURRENCY_BY_PROVIDER: _concurrency, IMAGE_REQUESTS_PER_MINUTE: _rates, IMAGE_FALLBACK: _fallback, ...plain } = environment.parse({});
  return plain;
}

export interface Settings extends z.infer<typeof environment> {
  dataDir: string;
  cacheDir: string;
  /** URL of the blob store; `file:` for the local stack. */
  blobStore: string;
  saveRoot: string;
  saveDir: string;
  promptPrefix: string;
  credentialsFile: string;
  /** Of IMAGE_PROVIDERS_FILE. */
  overrides: Overrides;
  /** True when a Temporal address or profile was set: no local stack then. */
  remote: boolean;
}

/** Reads the settings; an empty variable counts as unset. Throws INVALID_ARGUMENT that names every bad one. */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value.trim() !== ''));
  const parsed = environment.safeParse(given);
  if (!parsed.success) {
    throw new JobFailure({
      code: 'INVALID_ARGUMENT',
      message: `Settings that cannot be read: ${parsed.error.issues.map((i) => `${i.path.join('.')} (${i.message})`).join('; ')}.`,
      nextStep: 'Correct these environment variables and start again.',
    });
  }
  const values = parsed.data;
  refuseKeysForStack(values, env);
  const dataDir = folder(values.IMAGE_DATA_DIR) ?? paths.data;
  const givenRoot = values.IMAGE_SAVE_ROOT ?? values.EFLOWCODE_SAVE_DIR_ROOT ?? values.EF_SAVE_DIR_ROOT;
  const saveRoot = folder(givenRoot) ?? join(homedir(), 'Pictures', 'durable-image-mcp');
  const saveDir = values.IMAGE_SAVE_DIR ?? values.EFLOWCODE_SAVE_DIR ?? values.EF_SAVE_DIR;
  return {
    ...values,
    TEMPORAL_CLI: folder(values.TEMPORAL_CLI),
    dataDir,
    cacheDir: folder(values.IMAGE_CACHE_DIR) ?? paths.cache,
    blobStore: values.IMAGE_BLOB_STORE ?? `file:${join(dataDir, 'store')}`,
    saveRoot,
    saveDir: saveDir === undefined ? saveRoot : resolve(saveRoot, expandHome(saveDir)),
    promptPrefix: values.IMAGE_PROMPT_PREFIX ?? values.EFLOWCODE_PROMPT_PREFIX ?? values.EF_PROMPT_PREFIX ?? '',
    credentialsFile: folder(values.IMAGE_CREDENTIALS_FILE) ?? join(dataDir, 'credentials.env'),
    overrides: values.IMAGE_PROVIDERS_FILE === undefined ? {} : readOverrides(resolve(expandHome(values.IMAGE_PROVIDERS_FILE))),
    remote: values.TEMPORAL_ADDRESS !== undefined || values.TEMPORAL_PROFILE !== undefined,
  };
}

/**
 * The worker of the local stack gets no key from the environment of whoever starts it (src/local/clean-environment.ts): with keys of S3
 * there, calls would work and every job would wait.
 */
function refuseKeysForStack(values: z.infer<typeof environment>, env: NodeJS.ProcessEnv): void {
  const isLocal = values.TEMPORAL_ADDRESS === undefined && values.TEMPORAL_PROFILE === undefined;
  if (!isLocal || !isS3(values.IMAGE_BLOB_STORE ?? '') || !env['AWS_SECRET_ACCESS_KEY']) return;
  throw new JobFailure({
    code: 'INVALID_ARGUMENT',
    message: 'IMAGE_BLOB_STORE is in S3, and the local stack does not take AWS_SECRET_ACCESS_KEY from its clients.',
    nextStep: 'Put the keys into ~/.aws/credentials and unset AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a Temporal server in TEMPORAL_ADDRESS.',
  });
}

/** `~` and `~/x` are the home folder's. */
export function expandHome(path: string): string {
  if (path === '~') return homedir();
  return path.startsWith('~/') ? join(homedir(), path.slice(2)) : path;
}

function folder(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  const expanded = expandHome(path);
  return isAbsolute(expanded) ? expanded : resolve(expanded);
}
