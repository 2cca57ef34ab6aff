import type { JobApi } from '../client/job-api.js';
import { JobFailure } from '../contract/errors.js';
import { jobUri, parseImageUri, parseJobUri } from '../references/image-uri.js';
import { presentJob } from './present.js';

/** Jobs and their pictures as resources, without any SDK. Every function throws JobFailure for a refusal. */

export interface ListedResource {
  uri: string;
  name: string;
  title: string;
  mimeType: string;
}

/** One resource as it is read: text, or bytes in base64. */
export type ResourceContents = { uri: string; mimeType: string } & ({ text: string } | { blob: string });

/** Base64 of more is too much for one message. */
export const MAX_RESOURCE_BYTES = 4 * 1024 * 1024;

/** A listing is shown to a person who picks one: the last few. */
const LISTED = 20;
/** What the protocol lets one completion answer. */
const MOST_COMPLETIONS = 100;

const RECORD_TYPE = 'application/json';

export const RESOURCE_TEMPLATES = [
  {
    uriTemplate: 'image://jobs/{job_id}',
    name: 'job',
    title: 'Record of a job',
    description: 'Everything known of an image job: its state, its pictures with their paths, its error.',
    mimeType: RECORD_TYPE,
  },
  {
    uriTemplate: 'image://jobs/{job_id}/outputs/{index}',
    name: 'picture',
    title: 'Picture of a job',
    description: 'The picture as it was made, counted from 0; at most 4 MiB.',
  },
  {
    uriTemplate: 'image://jobs/{job_id}/outputs/{index}/thumbnail',
    name: 'thumbnail',
    title: 'Thumbnail of a picture',
    description: 'A small JPEG, at most 48 KB.',
    mimeType: 'image/jpeg',
  },
] as const;

const FORMS = RESOURCE_TEMPLATES.map(({ uriTemplate }) => uriTemplate).join(', ');

/** The records of the jobs that were completed last, newest first. */
export async function recentResources(jobs: JobApi): Promise<ListedResource[]> {
  const { jobs: listed } = await jobs.list({ status: 'completed', limit: LISTED });
  return listed.map(({ job_id: id, title = id }) => ({ uri: jobUri(id), name: id, title, mimeType: RECORD_TYPE }));
}

export async function readResource(uri: string, jobs: () => Promise<JobApi>): Promise<ResourceContents> {
  const jobId = parseJobUri(uri);
  if (jobId !== undefined) return { uri, mimeType: RECORD_TYPE, text: await recordText(jobId, await jobs()) };
  const image = parseImageUri(uri);
  if (image === undefined) throw noResource(uri);
  const found = await (await jobs()).image(image.jobId, image.index, image.thumbnail ? 'thumbnail' : 'full');
  if (found.sizeBytes > MAX_RESOURCE_BYTES) throw tooLarge(found.sizeBytes, found.saved.path);
  const bytes = await found.bytes();
  if (bytes.length > MAX_RESOURCE_BYTES) throw tooLarge(bytes.length, found.saved.path);
  return { uri, mimeType: found.mimeType, blob: bytes.toString('base64') };
}

async function recordText(jobId: string, jobs: JobApi): Promise<string> {
  const record = await jobs.status(jobId);
  if (record.status === 'unknown') {
    throw new JobFailure({
      code: 'NOT_FOUND',
      message: `Unknown job_id: ${jobId}.`,
      nextStep: 'Use a job_id that a tool answered; image_job_list names them.',
    });
  }
  return JSON.stringify(presentJob(record, { view: 'whole', polled: false }));
}

/** Values for a variable of a template that begin with what was typed: recent jobs, and the places of a job's pictures. */
export async function completeVariable(
  variable: string,
  typed: string,
  known: Readonly<Record<string, string>>,
  jobs: JobApi,
): Promise<{ values: string[]; hasMore: boolean }> {
  if (variable === 'job_id') {
    const { jobs: listed, nextCursor } = await jobs.list({ limit: MOST_COMPLETIONS });
    return { values: listed.map(({ job_id }) => job_id).filter((id) => id.startsWith(typed)), hasMore: nextCursor !== undefined };
  }
  const jobId = known['job_id'];
  if (variable !== 'index' || jobId === undefined || jobId === '') return { values: [], hasMore: false };
  const { result } = await jobs.status(jobId);
  const places = (result?.saved ?? []).map((_, index) => String(index)).filter((index) => index.startsWith(typed));
  return { values: places.slice(0, MOST_COMPLETIONS), hasMore: false };
}

function noResource(uri: string): JobFailure {
  return new JobFailure({
    code: 'NOT_FOUND',
    message: `There is no resource ${JSON.stringify(uri.slice(0, 300))}.`,
    nextStep: `Use one of these forms, with the job_id percent-encoded: ${FORMS}.`,
  });
}

function tooLarge(sizeBytes: number, path: string | undefined): JobFailure {
  return new JobFailure({
    code: 'LIMIT_EXCEEDED',
    message: `This picture has ${sizeBytes} bytes; at most ${MAX_RESOURCE_BYTES} are read at once.`,
    nextStep:
      path === undefined
        ? 'Call image_job_status for its path, or image_job_get_image with variant preview.'
        : `Open the file ${path}, or call image_job_get_image with variant preview.`,
  });
}
