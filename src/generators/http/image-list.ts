import * as z from 'zod';
import type { Cost } from '../../contract/record.js';
import { refusedFailure } from '../failures.js';
import type { SubmitOutcome } from '../generator.js';
import { endedWith } from './poll-failures.js';
import type { Answer, Download } from './protocol.js';
import { decodePictures, numbersOf } from './reading.js';

/**
 * The reply of OpenAI's Images API (OpenAPI `ImagesResponse`), which others copy. xAI adds `respect_moderation`: false
 * means that a placeholder stands where the picture would be.
 */
const text = z.string().nullish().catch(undefined);
const itemSchema = z.looseObject({
  b64_json: text,
  url: text,
  revised_prompt: text,
  respect_moderation: z.boolean().nullish().catch(undefined),
});
const replySchema = z.looseObject({ data: z.array(itemSchema), usage: z.unknown().optional() });

/** Undefined: no list of pictures, so it says nothing. An empty list ends the request, and `cost` says whether it was paid. */
export function readImageList({ json, clean }: Answer, cost?: Cost): SubmitOutcome | Download | undefined {
  const read = replySchema.safeParse(json);
  if (!read.success) return undefined;
  const billing = cost && cost.amount > 0 ? 'billed' : 'maybe';
  const shown = read.data.data.filter((item) => item.respect_moderation !== false);
  const refused = read.data.data.length - shown.length;
  const places = shown.map(({ b64_json: base64, url }) => base64 || url || '').filter((place) => place !== '');
  if (places.length === 0) {
    if (refused > 0) return { type: 'ended', failure: refusedFailure('the finished picture did not pass moderation'), billing };
    return endedWith('NO_IMAGE', 'The provider finished without a picture and without a reason.', billing);
  }

  const revised = shown.flatMap(({ revised_prompt: prompt }) => clean(prompt) ?? []);
  const notes = revised.map((prompt) => `Revised prompt: ${prompt}`);
  if (refused > 0) notes.push('A further picture was refused by the provider.');
  const usage = numbersOf(read.data.usage);
  const more = { ...(cost ? { cost } : {}), ...(Object.keys(usage).length > 0 ? { usage } : {}) };

  const urls = places.filter((place) => /^https?:/.test(place));
  if (urls.length === places.length) return { type: 'download', urls, ...more, ...(notes.length > 0 ? { notes } : {}) };
  const images = decodePictures(places);
  if (images.length === 0) return endedWith('NO_IMAGE', 'The provider sent something that is not a picture.', billing);
  if (images.length < places.length) notes.push('A further result of the provider is not a picture.');
  return { type: 'done', images, ...more, ...(notes.length > 0 ? { notes } : {}) };
}
