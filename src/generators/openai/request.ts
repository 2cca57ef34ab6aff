import type { Account } from '../../accounts/account.js';
import { JobFailure } from '../../contract/errors.js';
import { pixelSize, ratioOf } from '../../contract/input.js';
import type { AttemptIdentity, GenerationRequest } from '../generator.js';
import { maskWithoutReference } from '../masks.js';
import { dataUrl, formatOf } from '../spelling.js';
import type { OpenAiForm } from './submit-outcome.js';

/** The mainline model that calls the image tool, when nobody names one. */
export const DEFAULT_RESPONSES_MODEL = 'gpt-5.5';

/** Of OpenAI's Images API; the Responses tool does not state one. */
export const MAX_REFERENCES = 16;

/**
 * The body of `POST /responses` (OpenAPI `CreateResponse`, tool `ImageGenTool`), as bytes. One picture: the tool is
 * forced and capped at one call, because the model may else call it several times and bill each. `metadata.attempt`
 * finds the response again in the provider's dashboard and webhooks.
 */
export function encodeRequest(
  request: GenerationRequest,
  account: Account,
  attempt: AttemptIdentity,
  form: OpenAiForm,
): Buffer {
  const { picture, references, mask } = request;
  refuseUnsendable(request);
  const models = modelsOf(request.model, account);
  const body = {
    model: models.responses,
    ...(form === 'background' && { background: true, store: true }),
    max_tool_calls: 1,
    metadata: { attempt: attempt.nonce, job_id: attempt.jobId, item: String(attempt.item) },
    input: [
      {
        role: 'user',
        content: [
          { type: 'input_text', text: picture.prompt },
          // `detail` is required by the schema.
          ...references.map((image) => ({ type: 'input_image', detail: 'auto', image_url: dataUrl(image) })),
        ],
      },
    ],
    tools: [
      {
        type: 'image_generation',
        model: models.image,
        action: references.length > 0 ? 'edit' : 'generate',
        size: sizeOf(picture.size, picture.aspect_ratio, models.image),
        quality: picture.quality,
        output_format: formatOf(picture.output_format),
        background: picture.background,
        ...(mask && { input_image_mask: { image_url: dataUrl(mask) } }),
      },
    ],
    tool_choice: { type: 'image_generation' },
  };
  return Buffer.from(JSON.stringify(body), 'utf8');
}

/** `gpt-image-*` names the tool's model, any other name the Responses model. */
function modelsOf(asked: string | undefined, account: Account): { responses: string; image?: string } {
  const { responses = DEFAULT_RESPONSES_MODEL, image } = account.models;
  if (asked === undefined) return { responses, image };
  return asked.startsWith('gpt-image-') ? { responses, image: asked } : { responses: asked, image };
}

/**
 * The tool knows sizes, no ratios. Every model takes three sizes; gpt-image-2 and later any with edges that are
 * multiples of 16 and a ratio of at most 3:1 (image generation guide).
 */
export function sizeOf(size: string | undefined, aspectRatio: string | undefined, imageModel: string | undefined): string | undefined {
  if (size !== undefined) {
    const pixels = pixelSize(size);
    return pixels ? `${pixels.width}x${pixels.height}` : size;
  }
  if (aspectRatio === undefined) return undefined;
  const ratio = ratioOf(aspectRatio);
  if (ratio === undefined) return undefined;
  if (/^gpt-image-(?:[2-9]|\d\d)/.test(imageModel ?? '')) {
    const bounded = Math.min(3, Math.max(1 / 3, ratio));
    const area = 1024 * 1536;
    const edge = (length: number): number => Math.max(16, Math.round(length / 16) * 16);
    const width = edge(Math.sqrt(area * bounded));
    // From the rounded width, and never beyond 3:1 by rounding.
    const height = Math.min(width * 3, Math.max(Math.ceil(width / 48) * 16, edge(width / bounded)));
    return `${width}x${height}`;
  }
  const far = (other: number): number => Math.abs(Math.log(ratio / other));
  const [nearest] = [1, 1.5, 1 / 1.5].sort((a, b) => far(a) - far(b));
  return nearest === 1 ? '1024x1024' : nearest === 1.5 ? '1536x1024' : '1024x1536';
}

function refuseUnsendable({ references, mask }: GenerationRequest): void {
  if (references.length > MAX_REFERENCES) {
    throw new JobFailure({
      code: 'LIMIT_EXCEEDED',
      message: `OpenAI takes at most ${MAX_REFERENCES} references; these are ${references.length}.`,
      nextStep: 'Use fewer references.',
      billing: 'none',
    });
  }
  if (mask && references.length === 0) throw maskWithoutReference();
}
