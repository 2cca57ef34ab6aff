import { activityInfo } from '@temporalio/activity';
import { JobFailure } from '../contract/errors.js';
import type { JobInput } from '../contract/input.js';
import type { EndOrder, ItemOutcome, StoredImage, StoreOrder } from '../contract/plan.js';
import type { BatchItem, JobRecord, JobResult, SavedImage } from '../contract/record.js';
import { exportImage, exportName, removeLeftovers } from '../images/export-image.js';
import { makePreviews } from '../images/previews.js';
import { exportFolder } from '../client/export-folder.js';
import { beatWhile } from './heartbeats.js';
import type { ActivityDependencies } from './dependencies.js';

/**
 * Verifies the pictures, makes thumbnail and preview of each, exports them (local stack) and writes the job's final
 * record into its manifest. Runs again after a crash with the same result.
 */
export async function storeOutputs(deps: ActivityDependencies, order: StoreOrder): Promise<JobRecord> {
  const jobId = activityInfo().workflowExecution?.workflowId ?? '';
  const input = (await deps.manifests.read(jobId))?.input;
  const beats = beatWhile(10);
  try {
    const warnings: string[] = [];
    const folder = await folderOf(deps, jobId, input, warnings);
    const images = order.outcomes.flatMap((outcome) =>
      (outcome.generated?.outputs ?? []).map((image) => ({ outcome, image })),
    );
    const kept = await Promise.all(
      images.map(({ image, outcome }, index) =>
        keep(deps, image, { jobId, index, item: outcome.item, folder, basename: input?.basename }),
      ),
    );
    const record = completeRecord(order, kept, warnings);
    await deps.manifests.update(jobId, (now) => ({
      ...now,
      state: 'ended',
      ended_at: new Date().toISOString(),
      record,
      output_pins: [...new Set([...now.output_pins, ...kept.flatMap((one) => one.pins)])],
      derived: { ...now.derived, ...Object.fromEntries(kept.flatMap((one) => (one.derived ? [[one.saved.sha256, one.derived]] : []))) },
    }));
    for (const { provider, generated } of order.outcomes) {
      if (generated) deps.metrics.pictures(provider, generated.outputs.length, generated.cost);
    }
    return record;
  } finally {
    beats.stop();
  }
}

/** The record of a job that ends without pictures, in its manifest before the workflow closes. */
export async function recordEnd(deps: ActivityDependencies, { record }: EndOrder): Promise<void> {
  const jobId = activityInfo().workflowExecution?.workflowId ?? '';
  await deps.manifests.update(jobId, (now) => ({ ...now, state: 'ended', ended_at: new Date().toISOString(), record }));
}

interface Kept {
  item: number;
  saved: SavedImage;
  pins: string[];
  derived: { thumbnail: string; preview: string } | undefined;
  warnings: string[];
}

interface Place {
  jobId: string;
  index: number;
  item: number;
  folder: string | undefined;
  basename: string | undefined;
}

async function keep(deps: ActivityDependencies, image: StoredImage, place: Place): Promise<Kept> {
  const bytes = await deps.store.getBlob(image.sha256);
  if (!bytes) {
    throw new JobFailure({
      code: 'RESULT_EXPIRED',
      message: `Image ${place.index} is damaged or gone from the store.`,
      nextStep: 'Check the disk of the store; image_job_retry buys it again only after an acknowledgement.',
      billing: 'billed',
    });
  }
  const warnings: string[] = [];
  const [path, derived] = await Promise.all([exported(bytes, image, place, warnings), derive(deps, bytes, image, place, warnings)]);
  const saved: SavedImage = {
    ...(path === undefined ? {} : { path }),
    uri: `image://jobs/${encodeURIComponent(place.jobId)}/outputs/${place.index}`,
    sha256: image.sha256,
    mime_type: image.mime_type,
    width: image.width,
    height: image.height,
    size_bytes: image.size_bytes,
    actual_size: [image.width, image.height],
    actual_megapixels: Math.round((image.width * image.height) / 1000) / 1000,
  };
  const pins = [...new Set([image.sha256, ...Object.values(derived ?? {})])];
  return { item: place.item, saved, derived, pins, warnings };
}

/** Where the local stack exports to; the first activity has refused what is not allowed. */
async function folderOf(
  { local, settings, salt }: ActivityDependencies,
  jobId: string,
  input: JobInput | undefined,
  warnings: string[],
): Promise<string | undefined> {
  if (!local || !input) return undefined;
  try {
    return await exportFolder(jobId, input, { settings, salt, clientRoots: [] });
  } catch (error) {
    if (!(error instanceof JobFailure)) throw error;
    warnings.push(`${error.message} ${error.nextStep}`);
    return undefined;
  }
}

/** The picture is safe in the store: a folder that cannot be written delays nothing, and the next answer tries it again. */
async function exported(bytes: Buffer, image: StoredImage, place: Place, warnings: string[]): Promise<string | undefined> {
  const { folder, jobId, basename } = place;
  if (folder === undefined) return undefined;
  const name = exportName(jobId, basename, image);
  try {
    const first = activityInfo().attempt === 1;
    // An earlier attempt may have been killed while it wrote the file, or right after.
    if (!first) await removeLeftovers(folder, name);
    return await exportImage(folder, name, async () => bytes, first);
  } catch (error) {
    if (!(error instanceof JobFailure)) throw error;
    warnings.push(`${error.message} ${error.nextStep}`);
    return undefined;
  }
}

/** The smaller pictures. One that was paid for and cannot be decoded is handed over as it is. */
async function derive(
  deps: ActivityDependencies,
  bytes: Buffer,
  image: StoredImage,
  { index }: Place,
  warnings: string[],
): Promise<Kept['derived']> {
  const seen = { mimeType: image.mime_type, width: image.width, height: image.height };
  const previews = await makePreviews(bytes, seen).catch(() => undefined);
  if (!previews) {
    warnings.push(`Image ${index + 1} cannot be decoded here; it is kept as the provider sent it, without a thumbnail.`);
    return undefined;
  }
  const [thumbnail, preview] = await Promise.all([
    deps.store.putBlob(previews.thumbnail),
    previews.preview ? deps.store.putBlob(previews.preview) : image,
  ]);
  return { thumbnail: thumbnail.sha256, preview: preview.sha256 };
}

/** The final record: the images in order, one entry an input for a batch, what was spent, what went wrong beside them. */
function completeRecord({ record, outcomes, n_references }: StoreOrder, kept: Kept[], told: string[]): JobRecord {
  const batch = record.kind === 'image_batch_edit';
  const preview = outcomes.some((outcome) => outcome.generated?.generative === false);
  const result: JobResult = { saved: kept.map((one) => one.saved) };
  if (preview) result.generative = false;
  if (n_references !== undefined && record.kind === 'image_multi_reference') result.n_references = n_references;
  if (batch) result.results = outcomes.map((outcome) => batchItem(outcome, kept));
  const notes = [...new Set(outcomes.flatMap((outcome) => outcome.generated?.notes ?? []))];
  if (notes.length > 0) result.notes = notes;
  const usages = outcomes.flatMap((outcome) => (outcome.generated?.usage ? [outcome.generated.usage] : []));
  if (usages.length > 0) result.usage = usages.length === 1 ? usages[0] : { images: usages };

  const failed = outcomes.filter((outcome) => outcome.error);
  const whole: JobRecord = { ...record, result, updated_at: new Date().toISOString() };
  const warnings = [...(record.warnings ?? []), ...told, ...kept.flatMap((one) => one.warnings)];
  if (warnings.length > 0) whole.warnings = [...new Set(warnings)];
  const cost = totalCost(outcomes);
  if (cost) whole.cost = cost;
  if (record.status !== 'completed') return whole;
  const count = `${kept.length} image${kept.length === 1 ? '' : 's'}`;
  whole.message = `${preview ? 'PREVIEW, no image model is configured: ' : ''}${count} ready.`;
  if (failed.length > 0) {
    whole.message = `${whole.message.slice(0, -1)}, ${failed.length} failed.`;
    whole.next_step = 'Call image_job_retry for the failed ones.';
    const reasons = failed.map((one) => `image ${one.item + 1}: ${one.error?.code}: ${one.error?.message}`);
    if (!batch) whole.warnings = [...(whole.warnings ?? []), ...reasons];
  }
  return whole;
}

function batchItem(outcome: ItemOutcome, kept: Kept[]): BatchItem {
  const saved = kept.filter((one) => one.item === outcome.item).map((one) => one.saved);
  return {
    ok: saved.length > 0,
    index: outcome.item,
    ...(saved.length > 0 ? { saved } : {}),
    ...(outcome.error ? { error: outcome.error } : {}),
  };
}

/** The sum, when every image has a price in one currency; else nothing is claimed. */
function totalCost(outcomes: ItemOutcome[]): JobRecord['cost'] {
  const costs = outcomes.flatMap((outcome) => (outcome.generated ? [outcome.generated.cost] : []));
  const [first] = costs;
  if (!first || !costs.every((cost) => cost?.currency === first.currency)) return undefined;
  return { ...first, amount: costs.reduce((sum, cost) => sum + (cost?.amount ?? 0), 0) };
}
