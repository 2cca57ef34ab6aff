import * as z from 'zod';
import { PICTURE_VARIANTS, type JobImage } from '../../client/job-api.js';
import { JobFailure } from '../../contract/errors.js';
import { jobId } from '../fields.js';
import { withoutEmpty } from '../present.js';
import { read, type Attachment, type ToolContext, type ToolDefinition } from '../tool.js';

const inputSchema = z.strictObject({
  job_id: jobId,
  index: z.int().min(0).optional().describe('place in saved, default 0'),
  variant: z.enum(PICTURE_VARIANTS).optional().describe('default thumbnail; preview: up to 1024 px; full: shown only below 700 KB'),
});

/** In base64 and with the record it stays below 1 MiB, above which hosts cut an answer or end the connection. */
const MAX_INLINE_BYTES = 700 * 1024;

/** Long enough to fetch the picture once, in the session that asked. */
const LINK_SECONDS = 900;

/** What hosts show and models read. */
const SHOWN_TYPES: ReadonlySet<string> = new Set(['image/png', 'image/jpeg', 'image/webp', 'image/gif']);

export const imageJobGetImage: ToolDefinition = {
  name: 'image_job_get_image',
  title: 'Look at a picture of a job',
  description: 'Show a picture of a completed job, to judge it, with the path and uri of the original; free.',
  inputSchema,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  async handler(rawArguments, context) {
    const { values, warnings } = read(inputSchema, rawArguments);
    const { job_id, index = 0, variant = 'thumbnail' } = values;
    const jobs = await context.jobs();
    const image = await jobs.image(job_id, index, variant);
    const { block, why } = await inline(image, context);
    const { saved, mimeType, sizeBytes } = image;
    const url = block.length > 0 ? undefined : await linkOf(image);
    const record = {
      ok: true,
      job_id,
      index,
      variant,
      mime_type: mimeType,
      size_bytes: sizeBytes,
      saved: [saved],
      ...(url === undefined ? {} : { download_url: url, download_url_seconds: LINK_SECONDS }),
      message: why,
      warnings,
    };
    return { record: withoutEmpty(record), attachments: [...block, linkTo(image)] };
  },
};

/** The block of the picture, or in one sentence why there is none. */
async function inline(image: JobImage, context: ToolContext): Promise<{ block: Attachment[]; why?: string }> {
  const { saved, mimeType, sizeBytes } = image;
  const instead = saved.path === undefined ? 'see uri' : 'open the path';
  const { IMAGE_INLINE_IMAGES } = await context.settings();
  if (IMAGE_INLINE_IMAGES === 'never') return { block: [], why: `Pictures are not shown here (IMAGE_INLINE_IMAGES=never); ${instead}.` };
  if (sizeBytes > MAX_INLINE_BYTES) return { block: [], why: `Too large to be shown here; ${instead}, or ask for the preview.` };
  if (!SHOWN_TYPES.has(mimeType)) return { block: [], why: `${mimeType} cannot be shown here; ${instead}.` };
  try {
    return { block: [{ kind: 'image', bytes: await image.bytes(), mimeType }] };
  } catch (error) {
    if (!(error instanceof JobFailure)) throw error;
    return { block: [], why: `It cannot be read from the store (${error.code}: ${error.message}); ${instead}.` };
  }
}

/** For a picture that is not shown, where the store can give one away without its credentials. The path is there all the same. */
async function linkOf(image: JobImage): Promise<string | undefined> {
  try {
    return await image.link(LINK_SECONDS);
  } catch (error) {
    if (!(error instanceof JobFailure)) throw error;
    return undefined;
  }
}

function linkTo({ saved }: JobImage): Attachment {
  const name = saved.path?.split(/[\\/]/).at(-1) ?? saved.uri;
  return { kind: 'link', uri: saved.uri, name, mimeType: saved.mime_type, sizeBytes: saved.size_bytes };
}
