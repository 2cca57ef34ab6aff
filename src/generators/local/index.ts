import { JobFailure } from '../../contract/errors.js';
import { capabilitiesOf } from '../capabilities.js';
import type { GenerationRequest, Generator, SubmitOutcome } from '../generator.js';
import { encode, FORMATS, formatOf, type Format } from './encode.js';
import { bundledFont } from './font.js';
import { previewOfEdit, previewOfPrompt, previewOfReferences, type Preview } from './previews.js';

/**
 * The keyless generator: a preview that is drawn by rules and asks no image model, and says so in its notes.
 * The same request gives the same bytes; another seed gives another drawing. It sends nothing and cannot bill.
 */
export function createLocalGenerator(): Generator {
  return {
    name: 'local',
    free: true,
    capabilities: () => capabilitiesOf('local'),
    prepare: async (request, _account, attempt) => ({
      givesUpAfterSeconds: 120,
      send: () => drawPicture(request, attempt.item),
    }),
  };
}

async function drawPicture(request: GenerationRequest, item: number): Promise<SubmitOutcome> {
  try {
    const asked = request.picture.output_format;
    const format = formatOf(asked);
    const { image, notes, exact } = await preview(request, item, format ?? 'png');
    if (!format) notes.push(`output_format ${asked} is not one of ${FORMATS.join(', ')}: this is a PNG`);
    return {
      type: 'done',
      images: [await encode(image, format ?? 'png', exact)],
      cost: { amount: 0, currency: 'USD', source: 'local' },
      notes,
    };
  } catch (error) {
    return { type: 'ended', billing: 'none', failure: failureOf(error) };
  }
}

async function preview(request: GenerationRequest, item: number, format: Format): Promise<Preview> {
  const font = await bundledFont();
  switch (request.picture.kind) {
    case 'image_generate':
      return previewOfPrompt(request.picture, item, font);
    case 'image_multi_reference':
      return previewOfReferences(request, item, font);
    default:
      return previewOfEdit(request, font, format);
  }
}

function failureOf(error: unknown): JobFailure {
  if (error instanceof JobFailure) return error;
  return new JobFailure({
    code: 'INTERNAL',
    message: 'The local preview could not draw this picture.',
    nextStep: 'Try a smaller size, and report the request if it fails again.',
    billing: 'none',
    cause: error,
  });
}
