import type { BlobStore } from '../blobs/blob-store.js';
import { JobFailure } from '../contract/errors.js';
import type { SavedImage } from '../contract/record.js';
import type { ImageVariant, JobImage } from './job-api.js';
import { notFound, type Seen } from './job-reader.js';

/** A picture of a job that was looked at. See JobApi.image. */
export async function jobImage({ record, manifest }: Seen, index: number, variant: ImageVariant, store: BlobStore): Promise<JobImage> {
  const { job_id: jobId, status } = record;
  if (status === 'unknown') throw notFound(jobId);
  if (status === 'expired') throw gone(jobId, index);
  if (!record.done) {
    throw new JobFailure({
      code: 'INVALID_STATE',
      message: `The job ${jobId} still runs; it has no picture yet.`,
      nextStep: 'Call image_job_wait with this job_id first.',
    });
  }
  const saved = record.result?.saved[index];
  if (!saved) throw noPicture(jobId, index, record.result?.saved.length ?? 0);
  const blob = await blobOf(saved, variant);
  return {
    saved,
    variant,
    mimeType: blob.mimeType,
    sizeBytes: blob.sizeBytes,
    async bytes() {
      const bytes = await store.getBlob(blob.sha256);
      if (!bytes) throw gone(jobId, index);
      return bytes;
    },
    async link(seconds) {
      return store.linkToBlob?.(blob.sha256, seconds, blob.mimeType);
    },
  };

  async function blobOf(image: SavedImage, wanted: ImageVariant): Promise<{ sha256: string; mimeType: string; sizeBytes: number }> {
    const own = { sha256: image.sha256, mimeType: image.mime_type, sizeBytes: image.size_bytes };
    if (wanted === 'full') return own;
    const sha256 = manifest?.derived?.[image.sha256]?.[wanted];
    if (sha256 === undefined) {
      throw new JobFailure({
        code: 'NOT_FOUND',
        message: `There is no ${wanted} of picture ${index} of the job ${jobId}: it could not be decoded when it was stored.`,
        nextStep: 'Use the variant full.',
      });
    }
    if (sha256 === image.sha256) return own;
    const found = await store.statBlob(sha256);
    if (!found) throw gone(jobId, index);
    return { sha256, mimeType: 'image/jpeg', sizeBytes: found.sizeBytes };
  }
}

function noPicture(jobId: string, index: number, count: number): JobFailure {
  const has = count === 0 ? 'has no picture' : count === 1 ? 'has one picture, of index 0' : `has pictures 0 to ${count - 1}`;
  return new JobFailure({
    code: 'NOT_FOUND',
    message: `There is no picture ${index}: the job ${jobId} ${has}.`,
    nextStep: count === 0 ? 'Look with image_job_status why.' : 'Choose one of these.',
  });
}

function gone(jobId: string, index: number): JobFailure {
  return new JobFailure({
    code: 'RESULT_EXPIRED',
    message: `Picture ${index} of the job ${jobId} is gone from the store.`,
    nextStep: 'Use the exported file if it is still there, or submit a new job.',
  });
}
