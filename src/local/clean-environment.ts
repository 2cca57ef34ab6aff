import { delimiter, resolve } from 'node:path';
import { expandHome, type Settings } from '../config.js';

/** What the processes of the stack need of a client's environment. Keys are not in it: they come over the socket. */
const PASSED = new Set([
  'PATH',
  'HOME',
  'USER',
  'LOGNAME',
  'SHELL',
  'LANG',
  'TZ',
  'TMPDIR',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'NODE_EXTRA_CA_CERTS',
  // Proxies, in both spellings.
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'ALL_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
  'all_proxy',
  // Where the store is, when it is in S3; keys of it come from the files.
  'AWS_REGION',
  'AWS_DEFAULT_REGION',
  'AWS_PROFILE',
  'AWS_CONFIG_FILE',
  'AWS_SHARED_CREDENTIALS_FILE',
  'AWS_ENDPOINT_URL',
  'AWS_ENDPOINT_URL_S3',
  'AWS_CA_BUNDLE',
  // Where Go finds modules and keeps what it built. Not GOFLAGS, GOOS, GOARCH: they would build something else.
  'GOROOT',
  'GOPATH',
  'GOCACHE',
  'GOMODCACHE',
  'GOPROXY',
  'GOPRIVATE',
  'GONOPROXY',
  'GONOSUMDB',
  'GOSUMDB',
  'GOINSECURE',
  'GOTOOLCHAIN',
]);
const PASSED_PREFIXES = ['IMAGE_', 'XDG_', 'LC_'];
const SECRET = /KEY|TOKEN|SECRET|PASSW|CREDENTIAL(?!S_FILE)/i;

/**
 * The environment of the supervisor and of all its children: a list of what is let through, so that no key, known
 * to us or not, shows up in a process listing. Folders are absolute, since the supervisor works in `/`: relative ones
 * are those of the process that calls this.
 */
export function cleanEnvironment(env: NodeJS.ProcessEnv, settings: Settings): NodeJS.ProcessEnv {
  const clean: NodeJS.ProcessEnv = {};
  for (const [name, value] of Object.entries(env)) {
    const passed = PASSED.has(name) || PASSED_PREFIXES.some((prefix) => name.startsWith(prefix));
    if (passed && !SECRET.test(name)) clean[name] = value;
  }
  clean['IMAGE_DATA_DIR'] = settings.dataDir;
  clean['IMAGE_CACHE_DIR'] = settings.cacheDir;
  if (settings.IMAGE_CREDENTIALS_FILE !== undefined) clean['IMAGE_CREDENTIALS_FILE'] = settings.credentialsFile;
  if (settings.TEMPORAL_CLI !== undefined) clean['TEMPORAL_CLI'] = settings.TEMPORAL_CLI;
  const { EFLOWCODE_SAVE_DIR_ROOT, EF_SAVE_DIR_ROOT, EFLOWCODE_SAVE_DIR, EF_SAVE_DIR } = settings;
  if ((settings.IMAGE_SAVE_ROOT ?? EFLOWCODE_SAVE_DIR_ROOT ?? EF_SAVE_DIR_ROOT) !== undefined) clean['IMAGE_SAVE_ROOT'] = settings.saveRoot;
  if ((settings.IMAGE_SAVE_DIR ?? EFLOWCODE_SAVE_DIR ?? EF_SAVE_DIR) !== undefined) clean['IMAGE_SAVE_DIR'] = settings.saveDir;
  if (settings.IMAGE_REFERENCE_ROOTS !== undefined) clean['IMAGE_REFERENCE_ROOTS'] = absoluteFolders(settings.IMAGE_REFERENCE_ROOTS);
  return clean;
}

function absoluteFolders(list: string): string {
  return list
    .split(delimiter)
    .filter((folder) => folder.trim() !== '')
    .map((folder) => resolve(expandHome(folder.trim())))
    .join(delimiter);
}
