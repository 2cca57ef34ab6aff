import sharp, { type Sharp } from 'sharp';
import { digestOf, sha256 } from '../../contract/canonical.js';
import { pixelSize } from '../../contract/input.js';
import { JobFailure } from '../../contract/errors.js';
import type { Picture } from '../../contract/plan.js';
import type { GenerationRequest, ReferenceImage } from '../generator.js';
import { missingCharacters } from './caption.js';
import { describeEdit, movesPixels, type Edit } from './edit.js';
import { applyEdit, decode, openBitmap, type Bitmap } from './edit-operations.js';
import type { Format } from './encode.js';
import { confineToMask, fitInto, isOpaque } from './finish-edit.js';
import { noReference, undecodable } from './failures.js';
import type { Font } from './font.js';
import { parseEdits } from './parse-edits.js';
import { drawScene } from './scene.js';
import { drawSheet } from './sheet.js';
import { askedSize, type PixelSize } from './size.js';

/** A picture that is ready to be encoded. */
export interface Preview {
  image: Sharp;
  notes: string[];
  /** Every pixel must survive the encoding where the format can keep it. */
  exact: boolean;
}

const DEFAULT_SIZE: PixelSize = { width: 1024, height: 1024 };

/** Draws a scene. `item` makes the pictures of one job differ. */
export function previewOfPrompt(picture: Picture, item: number, font: Font): Preview {
  const { width, height } = askedSize(picture) ?? DEFAULT_SIZE;
  const { prompt, seed } = picture;
  const scene = drawScene(prompt, digestOf({ prompt, seed, item }), width, height, font);
  const drawn = scene.understood.length > 0 ? `drawn from the words ${quoted(scene.understood)}` : 'an abstract design (no word of the prompt names something that the local preview draws)';
  return {
    image: sharp(scene.svg, { limitInputPixels: false }).removeAlpha(),
    notes: [`local preview: ${drawn}; the whole prompt is only the caption`, ...sizeNotes(picture, `${width}x${height}`), ...glyphNotes(prompt, font)],
    exact: false,
  };
}

/** Shows all references on one sheet. Throws JobFailure for a reference that cannot be decoded. */
export async function previewOfReferences({ picture, references }: GenerationRequest, item: number, font: Font): Promise<Preview> {
  if (references.length === 0) throw noReference();
  const size = askedSize(picture) ?? DEFAULT_SIZE;
  const { prompt, seed } = picture;
  const seedText = digestOf({ prompt, seed, item, references: references.map(({ bytes }) => sha256(bytes)) });
  const image = await drawSheet(prompt, seedText, references, size, font);
  return {
    image,
    notes: [
      `local preview: a sheet of the ${references.length} references in order; the prompt is only the caption`,
      ...sizeNotes(picture, `${size.width}x${size.height}`),
      ...glyphNotes(prompt, font),
    ],
    exact: false,
  };
}

/** Does the operations that the prompt names, in its order. Throws JobFailure for a reference or mask that cannot be used. */
export async function previewOfEdit({ picture, references, mask }: GenerationRequest, font: Font, format: Format): Promise<Preview> {
  const [reference] = references;
  if (!reference) throw noReference();
  const original = await decoded(reference, 'The reference');
  const { edits, unknown, dropped } = parseEdits(picture.prompt);
  const confined = mask !== undefined;
  const { bitmap: edited, applied, ignored } = await applyAll(original, edits, confined, font);
  const notes = [
    applied.length > 0 ? `applied by the local preview: ${applied.join(', ')}` : 'the local preview changed nothing: no operation of the prompt could be applied',
    ...(unknown.length > 0 ? [`not understood by the local preview: ${quoted(unknown)}`] : []),
    ...ignored,
    ...(dropped > 0 ? [`${dropped} further operations were left out: at most 20 are applied`] : []),
    ...edits.flatMap((edit) => (edit.type === 'caption' ? glyphNotes(edit.text, font) : [])),
  ];
  if (references.length > 1) notes.push('only the first reference was edited');
  const asked = askedSize(picture);
  if (!mask) {
    const { width, height } = asked ?? edited;
    const image = toEncode(await fitInto(edited, width, height));
    return { image, notes: [...notes, ...sizeNotes(picture, `${width}x${height}`)], exact: false };
  }
  const confinement = confineToMask(original, edited, await decodedMask(mask, original));
  if (confinement.editable === 0) notes.push('the mask has no pixel with alpha 0, so nothing was editable');
  if (asked && (asked.width !== original.width || asked.height !== original.height)) {
    notes.push(`size ${asked.width}x${asked.height} was ignored: with a mask the picture keeps its ${original.width}x${original.height} pixels`);
  }
  if (format === 'jpeg') notes.push('JPEG is lossy: pixels outside the mask are close to the reference, not identical; PNG and WebP keep them');
  return { image: toEncode(confinement.bitmap), notes, exact: true };
}

async function applyAll(
  original: Bitmap,
  edits: readonly Edit[],
  confined: boolean,
  font: Font,
): Promise<{ bitmap: Bitmap; applied: string[]; ignored: string[] }> {
  let bitmap = original;
  const applied: string[] = [];
  const ignored: string[] = [];
  for (const edit of edits) {
    if (confined && movesPixels(edit)) {
      ignored.push(`${describeEdit(edit)} was ignored: it moves pixels, which a mask forbids`);
      continue;
    }
    // Each operation works on what the one before it left.
    // oxlint-disable-next-line no-await-in-loop
    const result = await applyEdit(bitmap, edit, font);
    if (typeof result === 'string') ignored.push(`${describeEdit(edit)} was ignored: ${result}`);
    else {
      bitmap = result;
      applied.push(describeEdit(edit));
    }
  }
  return { bitmap, applied, ignored };
}

function toEncode(bitmap: Bitmap): Sharp {
  return isOpaque(bitmap) ? openBitmap(bitmap).removeAlpha() : openBitmap(bitmap);
}

async function decoded(image: ReferenceImage, what: string): Promise<Bitmap> {
  try {
    return await decode(image.bytes);
  } catch (error) {
    throw undecodable(what, error);
  }
}

async function decodedMask(mask: ReferenceImage, original: Bitmap): Promise<Bitmap> {
  const bitmap = await decoded(mask, 'The mask');
  if (bitmap.width === original.width && bitmap.height === original.height) return bitmap;
  throw new JobFailure({
    code: 'INVALID_ARGUMENT',
    message: `The mask has ${bitmap.width}x${bitmap.height} pixels and the picture ${original.width}x${original.height}.`,
    nextStep: 'Give a mask of exactly the size of the picture.',
    billing: 'none',
  });
}

function sizeNotes({ size, aspect_ratio: ratio }: Picture, used: string): string[] {
  if (size === undefined || size === 'auto' || pixelSize(size) || ratio !== undefined) return [];
  return [`size ${size} is another provider's word; the picture has ${used} pixels`];
}

function glyphNotes(text: string, font: Font): string[] {
  const missing = missingCharacters(text, font);
  if (missing.length === 0) return [];
  return [`the bundled font has no glyph for ${missing.slice(0, 8).join(' ')}${missing.length > 8 ? ' and others' : ''}; boxes stand in their place`];
}

function quoted(words: readonly string[]): string {
  const shown = words.slice(0, 12).map((text) => `"${text.length > 80 ? `${Array.from(text).slice(0, 80).join('')}…` : text}"`);
  return `${shown.join(', ')}${words.length > shown.length ? ` and ${words.length - shown.length} more` : ''}`;
}
