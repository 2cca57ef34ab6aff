import type { BlobStore } from '../blobs/blob-store.js';
import type { Settings } from '../config.js';
import { readJobArguments, resolveProvider, sizeOf, type JobArguments } from '../contract/arguments.js';
import { digestOf } from '../contract/canonical.js';
import { failureOfProblems, JobFailure, type Problem } from '../contract/errors.js';
import { jobIdForKey, newJobId } from '../contract/ids.js';
import { pixelSize, type Frozen, type JobInput } from '../contract/input.js';
import type { JobKind, ProviderName } from '../contract/names.js';
import { checkCapabilities } from '../generators/check-capabilities.js';
import { referenceRoots, resolveSaveDir } from '../references/roots.js';
import { snapshotAll, type Snapshots } from '../references/snapshot.js';
import type { Account } from '../accounts/account.js';
import { makerFor } from '../accounts/environment.js';
import { errnoOf } from '../blobs/store-failure.js';
import { makeFolder } from '../blobs/make-folder.js';
import { sealInput } from './seal.js';

/** What the process of the call knows when it prepares a job. */
export interface CallContext {
  settings: Settings;
  store: BlobStore;
  salt: Buffer;
  clientRoots: string[];
  /** The accounts that this process can name, by provider; undefined with a remote Temporal, whose workers have their own. */
  accounts: Map<ProviderName, Account | ListedAccount> | undefined;
  /** False while the stack, which has accounts of its own, could not be asked. */
  accountsComplete: boolean;
  /** Whether a job of this ID was started before. */
  isKnown(jobId: string): Promise<boolean>;
}

/** An account of the stack's credentials file: its key is not known here. */
export interface ListedAccount {
  provider: ProviderName;
  id: string;
}

/** A job that has passed every check and is not started yet. */
export interface PreparedJob {
  jobId: string;
  input: JobInput;
  /** Of the parsed arguments before defaults and settings; tells whether a repeated idempotency_key asks the same. */
  digest: string;
  warnings: string[];
}

/** Only over stdio so far: no tenant. */
const TENANT = '';

/**
 * Checks arguments, limits, folder and references together, snapshots the references into the store and freezes what
 * this process decides. Throws one JobFailure with every problem; then nothing was stored that anybody needs.
 */
export async function prepareJob(kind: JobKind, raw: unknown, context: CallContext): Promise<PreparedJob> {
  const folder = settled(resolveSaveDir(saveDirOf(raw), context.settings, context.clientRoots));
  const read = readJobArguments(kind, raw);
  const problems: Problem[] = [...read.problems];
  const given = read.arguments;
  const provider = given ? providerOf(given, context) : undefined;
  // A job that was started under this key before is answered, whether or not its provider's key is still here.
  const accountsComplete = context.accountsComplete && !(await isKnown(given, context));
  for (const [name, field] of given ? targetsOf(given, provider) : []) {
    const limits = checkCapabilities(name, given ?? { kind }, field === 'provider' ? given?.model : undefined, context.settings.overrides).problems;
    problems.push(...(limits.length > 0 ? limits : accountProblems(name, field, accountsComplete, context)));
  }
  const saveDir = collected(problems, 'save_dir', await folder);
  const snapshots = await snapshotsOf(kind, given ?? raw, context);
  addOfOtherFields(problems, snapshots.problems);
  if (problems.length > 0 || !given) {
    throw failureOfProblems(problems, 'Correct the call and send it again; nothing was started.');
  }

  if (saveDir !== undefined) await madeOrRefused(saveDir);
  const jobId = given.idempotency_key === undefined ? newJobId() : jobIdForKey(TENANT, given.idempotency_key);
  // The same provider would be asked the same again.
  const fallback = (given.fallback ?? usualFallback(given, provider, context)).filter((name) => name !== provider);
  const { fallback: _asked, ...asked } = given;
  const input = frozenInput({ ...asked, ...(fallback.length > 0 ? { fallback } : {}) }, provider, snapshots, context, saveDir, read.warnings);
  const warnings = provider === undefined ? [] : checkCapabilities(provider, given, given.model, context.settings.overrides).warnings;
  return {
    jobId,
    input: sealInput(context.salt, jobId, input),
    digest: requestDigest(given, snapshots),
    warnings: [...read.warnings, ...warnings],
  };
}

/** The asked provider, or this process's default; with a remote Temporal the workers choose. */
function providerOf(given: JobArguments, { settings, accounts }: CallContext): ProviderName | undefined {
  if (given.provider !== undefined) return given.provider;
  const named = resolveProvider(settings.IMAGE_PROVIDER, undefined);
  if (named.problem) throw failureOfProblems([{ ...named.problem, field: 'IMAGE_PROVIDER' }], 'Correct this setting.');
  if (named.provider !== undefined) return named.provider;
  if (accounts === undefined) return undefined;
  const [first = 'local'] = accounts.keys();
  return first;
}

/** By the setting, where the call says nothing: only what could do it is worth a try. */
function usualFallback(given: JobArguments, provider: ProviderName | undefined, { settings, accounts }: CallContext): ProviderName[] {
  // A keyless preview is no substitute for a picture that somebody waits for, unless it is named.
  return settings.IMAGE_FALLBACK.filter(
    (name) =>
      name !== provider &&
      (accounts === undefined || name === 'local' || accounts.has(name)) &&
      checkCapabilities(name, given, undefined, settings.overrides).problems.length === 0,
  );
}

async function isKnown(given: JobArguments | undefined, context: CallContext): Promise<boolean> {
  return given?.idempotency_key !== undefined && (await context.isKnown(jobIdForKey(TENANT, given.idempotency_key)));
}

function targetsOf(given: JobArguments, provider: ProviderName | undefined): [ProviderName, string][] {
  const fallbacks = (given.fallback ?? []).map((name, index): [ProviderName, string] => [name, `fallback[${index}]`]);
  return provider === undefined ? fallbacks : [[provider, 'provider'], ...fallbacks];
}

/** On the local stack a job runs with an account of its own client, so one that has none would wait for ever. */
function accountProblems(provider: ProviderName, field: string, accountsComplete: boolean, { accounts, settings }: CallContext): Problem[] {
  if (provider === 'local' || !accountsComplete || accounts === undefined || accounts.has(provider)) return [];
  const message = `there is no account of ${provider} here; set ${makerFor(provider)} in the environment of this MCP server or in ${settings.credentialsFile}`;
  return [{ field, code: 'PROVIDER_NOT_CONFIGURED', message }];
}

function saveDirOf(raw: unknown): string | undefined {
  const value = typeof raw === 'object' && raw !== null && 'save_dir' in raw ? raw.save_dir : undefined;
  return typeof value === 'string' && value.trim() !== '' ? value : undefined;
}

/** A folder that cannot be made is refused before anything is paid. */
async function madeOrRefused(folder: string): Promise<void> {
  try {
    await makeFolder(folder);
  } catch (error) {
    const message = `the folder for the pictures, ${folder}, cannot be made (${errnoOf(error) ?? 'unknown fault'})`;
    throw failureOfProblems([{ field: 'save_dir', code: 'PERMISSION_DENIED', message }], 'Name another folder in save_dir or IMAGE_SAVE_DIR; nothing was started.');
  }
}

/** Started early and looked at later: its rejection is nobody's before that. */
async function settled<T>(work: Promise<T>): Promise<PromiseSettledResult<T>> {
  const [result] = await Promise.allSettled([work]);
  return result;
}

function collected<T>(problems: Problem[], field: string, result: PromiseSettledResult<T>): T | undefined {
  if (result.status === 'fulfilled') return result.value;
  const error: unknown = result.reason;
  if (!(error instanceof JobFailure)) throw error;
  addOfOtherFields(problems, [{ field, code: error.code, message: `${error.message} ${error.nextStep}` }]);
  return undefined;
}

/** A field that is wrong as it is written is named once, with that code. */
function addOfOtherFields(problems: Problem[], found: readonly Problem[]): void {
  const named = new Set(problems.map(({ field }) => field));
  problems.push(...found.filter(({ field }) => !named.has(field)));
}

/** Files are looked at even when other arguments are wrong, so that their problems come in the same answer. */
async function snapshotsOf(kind: JobKind, given: unknown, context: CallContext): Promise<Snapshots> {
  const fields: Record<string, unknown> = typeof given === 'object' && given !== null ? { ...given } : {};
  const { image_path, image_paths, mask_path } = fields;
  const many = kind === 'image_batch_edit' || kind === 'image_multi_reference';
  const paths = Array.isArray(image_paths) ? image_paths.filter((path) => typeof path === 'string').slice(0, 100) : undefined;
  return snapshotAll(
    {
      ...(many && paths ? { image_paths: paths } : {}),
      ...(kind === 'image_edit' && typeof image_path === 'string' && image_path !== '' ? { image_path } : {}),
    },
    typeof mask_path === 'string' && mask_path !== '' ? mask_path : undefined,
    {
      store: context.store,
      roots: referenceRoots(context.settings, { cwd: process.cwd(), clientRoots: context.clientRoots }),
      allowPrivateUrls: context.settings.IMAGE_ALLOW_PRIVATE_REFERENCE_URLS,
    },
  );
}

/** The input of the workflow: references by digest, and what this process decides beside the arguments. */
function frozenInput(
  given: JobArguments,
  provider: ProviderName | undefined,
  snapshots: Snapshots,
  { settings, store, accounts }: CallContext,
  saveDir: string | undefined,
  warnings: string[],
): JobInput {
  const { image_path: _path, image_paths: _paths, mask_path: _mask, ...rest } = given;
  const references = snapshots.references.map(({ reference }) => reference);
  const [first] = references;
  const frozen: Frozen = { store_id: store.id };
  if (settings.promptPrefix !== '') frozen.prompt_prefix = settings.promptPrefix;
  if (warnings.length > 0) frozen.warnings = warnings;
  if (accounts) {
    const wanted = [provider, ...(given.fallback ?? [])];
    const usable = [...accounts].filter(([name]) => wanted.includes(name));
    if (usable.length > 0) frozen.accounts = Object.fromEntries(usable.map(([name, { id }]) => [name, id]));
    if (saveDir !== undefined) frozen.save_dir = saveDir;
  }
  const model = given.model ?? defaultModel(provider, accounts);
  return {
    ...rest,
    ...(provider === undefined ? {} : { provider }),
    ...(model === undefined ? {} : { model }),
    ...(given.kind === 'image_edit' && first !== undefined ? { image_path: first } : {}),
    ...(given.image_paths === undefined ? {} : { image_paths: references }),
    ...(snapshots.mask ? { mask_path: snapshots.mask.reference } : {}),
    frozen,
  };
}

/** The model of this process's environment: like the account it is decided by the call, not by whoever runs the job. */
function defaultModel(provider: ProviderName | undefined, accounts: CallContext['accounts']): string | undefined {
  const account = provider === undefined ? undefined : accounts?.get(provider);
  if (account === undefined || !('models' in account)) return undefined;
  const { image, responses } = account.models;
  if (provider !== 'openai') return image;
  // An image model of another name would be taken for the model that calls the tool; the worker knows it by the account.
  return image?.startsWith('gpt-image-') ? image : responses;
}

function plainSize(size: string | undefined): string | undefined {
  const pixels = size === undefined ? undefined : pixelSize(size);
  return pixels ? `${pixels.width}x${pixels.height}` : size;
}

/** Neither where the files go nor how the job is run changes what is asked; the bytes of local files do. */
function requestDigest(given: JobArguments, snapshots: Snapshots): string {
  const { idempotency_key, tags, priority, save_dir, basename, deadline_seconds, ...asked } = given;
  void [idempotency_key, tags, priority, save_dir, basename, deadline_seconds];
  return digestOf({
    ...asked,
    // A default that is spelled out asks for nothing else.
    n: asked.n === 1 ? undefined : asked.n,
    size: plainSize(sizeOf(asked)),
    image_path: undefined,
    image_paths: snapshots.references.map(({ digest }) => digest),
    mask_path: snapshots.mask?.digest,
  });
}
