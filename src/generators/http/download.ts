import { JobFailure } from '../../contract/errors.js';
import { outageFailure, replyName } from '../failures.js';
import type { GeneratedImage, PollOutcome } from '../generator.js';
import { decodePicture, imageMimeType } from '../picture.js';
import { ask } from '../transport.js';
import * as z from 'zod';
import { jobRecordSchema } from '../../contract/record.js';
import type { Endpoint } from './endpoint.js';
import { endedWith, expiredFailure } from './poll-failures.js';
import type { Download } from './protocol.js';

/** Larger than any picture of today; what was paid for is kept. */
const MAX_PICTURE_BYTES = 128 * 1024 * 1024;
const PREFIX = 'download:';

const keptSchema = z.object({
  urls: z.array(z.string()),
  cost: jobRecordSchema.shape.cost,
  usage: z.record(z.string(), z.unknown()).optional(),
  notes: z.array(z.string()).optional(),
});

/** An answer that named addresses instead of pictures, as a handle: a crash goes on by fetching them. */
export function keepDownload({ urls, cost, usage, notes }: Download): string {
  return `${PREFIX}${JSON.stringify({ urls, cost, usage, notes })}`;
}

export function readKeptDownload(handle: string): Download | undefined {
  if (!handle.startsWith(PREFIX)) return undefined;
  return { type: 'download', ...keptSchema.parse(JSON.parse(handle.slice(PREFIX.length))) };
}

/**
 * Fetches the pictures at the provider's own addresses, all at once: they do not stay. Those that are gone are a note,
 * when others came. @throws JobFailure (retryable) on an outage, and for an address that is not the provider's.
 */
export async function fetchPictures(
  { urls, cost, usage, notes = [] }: Download,
  endpoint: Endpoint,
  times: { connectTimeoutSeconds: number; submitTimeoutSeconds: number },
  handle: string,
): Promise<PollOutcome> {
  const { title } = endpoint.protocol;
  const fetched = await Promise.all(urls.map((url) => fetchOne(url, endpoint, times, handle)));
  const images = fetched.flatMap((one) => ('bytes' in one ? [one] : []));
  const faults = fetched.flatMap((one) => ('gone' in one ? [one] : []));
  const [fault] = faults;
  if (images.length === 0) {
    if (fault?.gone === true) return { type: 'ended', failure: expiredFailure(title, fault.why), billing: 'billed' };
    return endedWith('NO_IMAGE', `${title} sent something that is not a picture${fault ? ` (${fault.why})` : ''}.`, 'billed');
  }
  const allNotes = [...notes, ...faults.map(({ why }) => `A further picture could not be fetched (${why}).`)];
  return { type: 'done', images, ...(cost ? { cost } : {}), ...(usage ? { usage } : {}), ...(allNotes.length > 0 ? { notes: allNotes } : {}) };
}

async function fetchOne(
  at: string,
  endpoint: Endpoint,
  times: { connectTimeoutSeconds: number; submitTimeoutSeconds: number },
  handle: string,
): Promise<GeneratedImage | { gone: boolean; why: string }> {
  if (at.startsWith('data:')) return decodePicture(at) ?? { gone: false, why: 'a data: URL without a picture' };
  const { url, headers } = endpoint.locate(at);
  const reply = await ask({
    method: 'GET',
    url,
    headers,
    connectTimeoutSeconds: times.connectTimeoutSeconds,
    timeoutSeconds: times.submitTimeoutSeconds,
    maxReplyBytes: MAX_PICTURE_BYTES,
  });
  if (reply.type !== 'reply') throw outageFailure(reply, url.host, shortened(handle));
  if (reply.status === 200) {
    const mimeType = imageMimeType(reply.body);
    return mimeType === undefined ? { gone: false, why: 'no picture of a known type' } : { bytes: reply.body, mimeType };
  }
  if ([403, 404, 410].includes(reply.status)) return { gone: true, why: replyName(reply) };
  if (reply.status >= 300 && reply.status < 400) return { gone: false, why: 'a redirect, which is not followed' };
  if (reply.status >= 500 || reply.status === 429 || reply.status === 408) throw outageFailure(reply, url.host, shortened(handle));
  throw new JobFailure({
    code: 'PROVIDER_REJECTED',
    message: `The picture could not be fetched from ${url.host} (${replyName(reply)}).`,
    nextStep: 'Call image_job_retry: it asks for the same picture and buys nothing new.',
    providerStatus: reply.status,
    billing: 'billed',
  });
}

function shortened(handle: string): string {
  return handle.startsWith(PREFIX) ? 'whose picture is ready' : handle.slice(0, 120);
}
