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
  const jobId = decoded(encoded);
  if (jobId === undefined || !isJobId(jobId)) return undefined;
  return { jobId, index: Number(index), thumbnail: thumbnail !== undefined };
}

/** The URI of an output. */
export function imageUri(jobId: string, index: number): string {
  return `image://jobs/${encodeURIComponent(jobId)}/outputs/${index}`;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
