import { isJobId } from '../contract/ids.js';

export interface ImageUri {
  jobId: string;
  index: number;
  thumbnail: boolean;
}

const IMAGE_URI = /^image:\/\/jobs\/([^/?#]+)\/outputs\/(0|[1-9]\d{0,3})(\/thumbnail)?$/;

/** `image://jobs/{job_id}/outputs/{index}`, with `/thumbnail` or without; the id is percent-encoded (RFC 6570). Undefined otherwise. */
export function parseImageUri(uri: string): ImageUri | undefined {
  const [, encoded, index, thumbnail] = IMAGE_URI.exec(uri) ?? [];
  if (encoded === undefined) return undefined;
  const jobId = decodedId(encoded);
  if (jobId === undefined) return undefined;
  return { jobId, index: Number(index), thumbnail: thumbnail !== undefined };
}

/** The URI of an output. */
export function imageUri(jobId: string, index: number): string {
  return `image://jobs/${encodeURIComponent(jobId)}/outputs/${index}`;
}

const JOB_URI = /^image:\/\/jobs\/([^/?#]+)$/;

/** The job_id of `image://jobs/{job_id}`, which names its record. Undefined otherwise. */
export function parseJobUri(uri: string): string | undefined {
  const encoded = JOB_URI.exec(uri)?.[1];
  return encoded === undefined ? undefined : decodedId(encoded);
}

/** The URI of a job's record. */
export function jobUri(jobId: string): string {
  return `image://jobs/${encodeURIComponent(jobId)}`;
}

function decodedId(text: string): string | undefined {
  try {
    const jobId = decodeURIComponent(text);
    return isJobId(jobId) ? jobId : undefined;
  } catch {
    return undefined;
  }
}
