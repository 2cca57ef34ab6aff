import type { JobApi } from '../client/job-api.js';
import type { JobRecord } from '../contract/record.js';
import type { Attachment, ToolContext } from './tool.js';

/** Pictures count against the context of every later turn. */
const MOST_THUMBNAILS = 4;
const MAX_THUMBNAIL_BYTES = 48 * 1024;

/** A store that hangs must not hold an answer whose record is complete. */
const READ_SECONDS = 2;

/** Small pictures of what these jobs made, the first few. Never rejects: one that cannot be read is left out. */
export async function thumbnailsOf(records: readonly JobRecord[], jobs: JobApi, context: ToolContext): Promise<Attachment[]> {
  const pictures = records
    .filter(({ done }) => done)
    .flatMap(({ job_id, result }) => (result?.saved ?? []).map((_, index) => ({ job_id, index })))
    .slice(0, MOST_THUMBNAILS);
  if (pictures.length === 0 || !(await areWanted(context))) return [];
  const read = await Promise.all(pictures.map(({ job_id, index }) => inTime(thumbnail(jobs, job_id, index))));
  return read.flatMap((attachment) => attachment ?? []);
}

/** Settings that cannot be read are told by the call itself. */
async function areWanted(context: ToolContext): Promise<boolean> {
  return await context.settings().then(
    ({ IMAGE_INLINE_IMAGES }) => IMAGE_INLINE_IMAGES === 'auto',
    () => false,
  );
}

async function thumbnail(jobs: JobApi, jobId: string, index: number): Promise<Attachment | undefined> {
  const image = await jobs.image(jobId, index, 'thumbnail');
  const bytes = await image.bytes();
  return bytes.length <= MAX_THUMBNAIL_BYTES ? { kind: 'image', bytes, mimeType: image.mimeType } : undefined;
}

async function inTime(reading: Promise<Attachment | undefined>): Promise<Attachment | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), READ_SECONDS * 1000);
  });
  try {
    return await Promise.race([reading.catch(() => undefined), late]);
  } finally {
    clearTimeout(timer);
  }
}
