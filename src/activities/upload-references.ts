import { activityInfo, cancelled, heartbeat } from '@temporalio/activity';
import { failureOfProblems, JobFailure, type JobError } from '../contract/errors.js';
import { referencesOf, type JobInput, type Reference } from '../contract/input.js';
import type { Plan, StoredImage } from '../contract/plan.js';
import { capabilitiesOf } from '../generators/capabilities.js';
import type { ReferenceImage } from '../generators/generator.js';
import { checkCapabilities } from '../generators/check-capabilities.js';
import { exportFolder } from '../client/export-folder.js';
import { isSealed } from '../client/seal.js';
import { refuseTogether } from '../references/snapshot.js';
import { resolveReference, type ResolvedReference } from '../references/resolve.js';
import type { ActivityDependencies } from './dependencies.js';
import { adoptJob, rememberReferences, resolveContext } from './job-journal.js';
import { checkedInput, itemsOf, pictureOf, refuseOtherStore, targetsOf, timingOf, withDigests } from './plan-job.js';

/** A fifth of the heartbeat timeout (src/workflows/activity-options.ts): four may get lost. */
const BEAT_MS = 2000;

/**
 * The first activity: checks the whole input again, whoever started the job, makes sure that the job has a manifest,
 * brings the references into the store and normalises them. Its result, the plan, says all that is needed from here on.
 */
export async function uploadReferences(deps: ActivityDependencies, given: unknown): Promise<Plan> {
  const timer = setInterval(() => heartbeat(), BEAT_MS);
  try {
    const jobId = activityInfo().workflowExecution?.workflowId ?? '';
    const input = checkedInput(given);
    refuseOtherStore(deps, input.frozen?.store_id);
    const targets = targetsOf(deps, input, isSealed(deps.salt, jobId, input));
    const limits = targets.map(({ provider, model }) => checkCapabilities(provider, input, model, deps.settings.overrides));
    const problems = limits.flatMap((checked) => checked.problems);
    if (problems.length > 0) throw failureOfProblems(problems, 'Stay within the limits of the provider, or name another.');
    // Before anything is bought: a folder that is not allowed would only be noticed when the pictures are there.
    if (deps.local) await exportFolder(jobId, input, { settings: deps.settings, salt: deps.salt, clientRoots: [] });
    const known = await adoptJob(deps, jobId, input);

    const maxEdge = Math.min(...targets.map(({ provider, model }) => capabilitiesOf(provider, model, deps.settings.overrides).maxReferenceEdge));
    // A slow download does not hold a cancelled job.
    const uploaded = await Promise.race([upload(deps, jobId, input, known, maxEdge), cancelled()]);
    const picture = pictureOf(input);
    return {
      picture,
      targets: withDigests(targets, input, picture, uploaded),
      items: itemsOf(input, uploaded),
      n_references: uploaded.references.length,
      timing: timingOf(deps.settings),
      warnings: [...new Set([...(input.frozen?.warnings ?? []), ...limits.flatMap((checked) => checked.warnings), ...uploaded.notes])],
    };
  } finally {
    clearInterval(timer);
  }
}

/** A reference in the store, or, in a batch, why that input cannot be used. */
type Uploaded = StoredImage | { error: JobError };

export interface Upload {
  references: Uploaded[];
  /** SHA-256 of the original of each reference, by its place; undefined for an unusable one. */
  digests: (string | undefined)[];
  mask?: StoredImage;
  maskDigest?: string;
  notes: string[];
}

/** An address that stays away this often costs its own picture, not those of its siblings. */
const ATTEMPTS_FOR_ONE_INPUT = 4;

function worthAnotherTry(error: JobFailure): boolean {
  return error.retryable && (error.code !== 'REFERENCE_UNREADABLE' || activityInfo().attempt < ATTEMPTS_FOR_ONE_INPUT);
}

/** Reads all originals, normalises them and writes both down in the job's manifest. */
async function upload(
  deps: ActivityDependencies,
  jobId: string,
  input: JobInput,
  known: Record<string, string>,
  maxEdge: number,
): Promise<Upload> {
  const context = resolveContext(deps, known);
  const originals: Record<string, string> = {};
  const pins: string[] = [];
  const notes: string[] = [];
  let total = 0;

  const read = async (reference: Reference): Promise<ResolvedReference> => {
    const source = await resolveReference(context.frozen(reference), context);
    if (typeof reference === 'string') originals[reference] = source.sha256;
    pins.push(source.sha256);
    total += source.bytes.length;
    refuseTogether(total);
    return source;
  };
  const keep = async (image: ReferenceImage): Promise<StoredImage> => {
    const { sha256, sizeBytes } = await deps.store.putBlob(image.bytes);
    pins.push(sha256);
    return { sha256, size_bytes: sizeBytes, mime_type: image.mimeType, width: image.width, height: image.height };
  };
  const one = async (reference: Reference, index: number): Promise<{ uploaded: Uploaded; digest?: string }> => {
    try {
      const source = await read(reference);
      const image = await deps.normaliser.normaliseReference(source.bytes, { maxEdge });
      notes.push(...image.notes.map((note) => `reference ${index + 1}: ${note}`));
      return { uploaded: await keep(image), digest: source.sha256 };
    } catch (error) {
      // In a batch one unusable input does not stop its siblings.
      if (input.kind !== 'image_batch_edit' || !(error instanceof JobFailure) || worthAnotherTry(error)) throw error;
      return { uploaded: { error: error.toJobError() } };
    }
  };

  const all = await Promise.all(referencesOf(input).map(one));
  const references = all.map(({ uploaded }) => uploaded);
  const result: Upload = { references, digests: all.map(({ digest }) => digest), notes: notes.sort() };
  if (input.mask_path !== undefined) {
    const source = await read(input.mask_path);
    result.maskDigest = source.sha256;
    const first = references.find((reference) => !('error' in reference));
    if (first && !('error' in first)) result.mask = await keep(await deps.normaliser.normaliseMask(source.bytes, first));
  }
  await rememberReferences(deps, jobId, originals, pins);
  return result;
}
