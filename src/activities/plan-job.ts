import { resolveProvider, sizeOf } from '../contract/arguments.js';
import { digestOf } from '../contract/canonical.js';
import { JobFailure, failureOfProblems } from '../contract/errors.js';
import { jobInputSchema, LIMITS, type JobInput } from '../contract/input.js';
import type { Picture, PlannedItem, Target, Timing } from '../contract/plan.js';
import { PROVIDER_NAMES, type ProviderName } from '../contract/names.js';
import type { Settings } from '../config.js';
import type { ActivityDependencies } from './dependencies.js';
import type { Upload } from './upload-references.js';

/** The parts of a plan: what is asked of whom. Nothing here reads or writes. */

/** The input as our schema reads it; INVALID_ARGUMENT with every problem otherwise, LIMIT_EXCEEDED for one that would fill a history. */
export function checkedInput(given: unknown): JobInput {
  const bytes = Buffer.byteLength(JSON.stringify(given) ?? '');
  if (bytes > LIMITS.inputBytes) {
    throw new JobFailure({
      code: 'LIMIT_EXCEEDED',
      message: `The input has ${bytes} bytes; a job takes at most ${LIMITS.inputBytes}.`,
      nextStep: 'Shorten the prompt or name fewer references.',
    });
  }
  const parsed = jobInputSchema.safeParse(given);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.flatMap((issue) => {
    const names = issue.code === 'unrecognized_keys' ? issue.keys : [issue.path.join('.') || 'input'];
    return names.map((field) => ({
      field,
      code: 'INVALID_ARGUMENT' as const,
      message:
        field === 'api_key' || field.endsWith('_key')
          ? 'is not an argument: keys belong into the environment or the credentials file of the worker'
          : issue.code === 'unrecognized_keys'
            ? 'is not a field of a job input'
            : issue.message,
    }));
  });
  throw failureOfProblems(problems, 'Correct the input; schemas/job-input.json describes it.');
}

/** Bytes of one store are not in another: retryable, for the right worker may come. */
export function refuseOtherStore(deps: ActivityDependencies, expected: string | undefined): void {
  if (expected === undefined || expected === deps.store.id) return;
  throw new JobFailure({
    code: 'STORE_UNAVAILABLE',
    message: `The job is kept in the store ${expected}, and this worker uses the store ${deps.store.id} (${deps.settings.blobStore}).`,
    nextStep: 'Start this worker with the IMAGE_BLOB_STORE of the client that submitted the job, or restore that store.',
    retryable: true,
  });
}

type BareTarget = Omit<Target, 'input_digest'>;

/** The asked provider and its fallbacks, with the accounts that the job may use. */
export function targetsOf(deps: ActivityDependencies, input: JobInput, sealed: boolean): [BareTarget, ...BareTarget[]] {
  const first = resolveProvider(input.provider, input.model);
  const others = (input.fallback ?? []).map((name, index) => resolveProvider(name, undefined, `fallback[${index}]`));
  const problems = [first, ...others].flatMap(({ problem }) => problem ?? []);
  if (problems.length > 0) throw failureOfProblems(problems, 'Name a provider that exists.');
  const target = (provider: ProviderName, model: string | undefined): BareTarget => {
    const generator = deps.generators.get(provider);
    if (!generator) throw unavailable(provider);
    // Only a client of this data folder can say which of its accounts a job runs with.
    const account = sealed ? input.frozen?.accounts?.[provider] : undefined;
    if (sealed && deps.local && !generator.free && account === undefined) throw unavailable(provider);
    return { provider, free: generator.free, store_id: deps.store.id, warnings: [], ...(model ? { model } : {}), ...(account ? { account } : {}) };
  };
  const fallbacks = others.flatMap(({ provider }) => (provider ? [target(provider, undefined)] : []));
  return [target(first.provider ?? defaultProvider(deps), input.model), ...fallbacks];
}

/** The first provider that this worker has an account of; without any, the local preview. */
function defaultProvider(deps: ActivityDependencies): ProviderName {
  const named = resolveProvider(deps.settings.IMAGE_PROVIDER, undefined).provider;
  return named ?? PROVIDER_NAMES.find((provider) => deps.accounts.defaultFor(provider) !== undefined) ?? 'local';
}

function unavailable(provider: string): JobFailure {
  return new JobFailure({
    code: 'PROVIDER_NOT_CONFIGURED',
    message: `This version cannot use the provider ${provider}.`,
    nextStep: `Choose one of: ${PROVIDER_NAMES.join(', ')}.`,
  });
}

/** A batch makes one picture an input; everything else makes n of the same. */
export function itemsOf(input: JobInput, { references, digests, mask }: Upload): PlannedItem[] {
  if (input.kind === 'image_batch_edit') {
    return references.map((reference, item) =>
      'error' in reference
        ? { item, references: [], error: reference.error }
        : { item, references: [reference], digest: digests[item], ...(mask ? { mask } : {}) },
    );
  }
  const whole = references.flatMap((reference) => ('error' in reference ? [] : [reference]));
  return Array.from({ length: input.n ?? 1 }, (_, item) => ({ item, references: whole, ...(mask ? { mask } : {}) }));
}

/** What is asked for, with the prompt as it will be sent. */
export function pictureOf(input: JobInput): Picture {
  const { kind, aspect_ratio, quality, output_format, background, seed } = input;
  const prefix = input.frozen?.prompt_prefix ?? '';
  // A prompt that was written with the prefix already has it once, as with EFLOWCODE.
  const prompt = input.prompt.startsWith(prefix) ? input.prompt : `${prefix}${input.prompt}`;
  return { kind, prompt, size: sizeOf(input), aspect_ratio, quality, output_format, background, seed };
}

/** What is bought: every argument that shapes the picture, and no other; see "Pay once" in docs/pay-once.md. */
export function withDigests(
  [first, ...rest]: [BareTarget, ...BareTarget[]],
  input: JobInput,
  picture: Picture,
  { digests, maskDigest: mask }: Upload,
): [Target, ...Target[]] {
  // A batch buys each item by itself (PlannedItem.digest): one that was unreadable and is not any more changes no other.
  const references = input.kind === 'image_batch_edit' ? undefined : digests;
  const digest = (target: BareTarget): Target => {
    const { provider, model } = target;
    return { ...target, input_digest: digestOf({ ...picture, n: input.n ?? 1, provider, model, references, mask }) };
  };
  return [digest(first), ...rest.map(digest)];
}

/** The numbers of the later activities, from the settings of this worker; explained in src/config.ts. */
export function timingOf(settings: Settings): Timing {
  const longest = Math.max(settings.IMAGE_SUBMIT_TIMEOUT_SECONDS, settings.IMAGE_SYNC_SUBMIT_TIMEOUT_SECONDS);
  return {
    // The request, and time to write its reply down although the store is away for a while.
    submitStartToCloseSeconds: longest + 600,
    submitHeartbeatSeconds: settings.IMAGE_SUBMIT_HEARTBEAT_SECONDS,
    collectStartToCloseSeconds: settings.IMAGE_COLLECT_TIMEOUT_SECONDS,
    collectHeartbeatSeconds: settings.IMAGE_COLLECT_HEARTBEAT_SECONDS,
    storeStartToCloseSeconds: settings.IMAGE_STORE_TIMEOUT_SECONDS,
    retryInitialSeconds: settings.IMAGE_RETRY_INITIAL_SECONDS,
    retryMaximumSeconds: settings.IMAGE_RETRY_MAX_SECONDS,
  };
}
