import type { Guard } from '../case.js';

const NORMALISE = 'references/normalise.ts';
const PNG = 'references/headers/png.ts';
const PREVIEWS = 'images/previews.ts';

/** Guards around the decoder: what it gets to see, how much of it at a time, and what leaves it. */
export const DECODER_GUARDS = [
  { id: 'one-reading', what: 'the decoder reads the header as we do', off: [{ file: NORMALISE, find: "if (!same) throw undecodable(new Error('two readings of one header'));", replace: '' }] },
  {
    id: 'whole-pixels',
    what: 'a picture whose data is damaged or missing is refused',
    off: [{ file: NORMALISE, find: "failOn: 'error'", replace: "failOn: 'none'" }],
  },
  { id: 'decoder-faults', what: 'a fault of the decoder is a refusal that quotes nothing', keepsFaults: true, off: [{ file: NORMALISE, find: '    throw undecodable(cause);', replace: '    throw cause;' }] },
  { id: 'no-compressed-text', what: 'compressed texts of a PNG are not unpacked', off: [{ file: PNG, find: "const OF_PIXELS = ['IHDR',", replace: "const OF_PIXELS = ['zTXt', 'IHDR'," }] },
  { id: 'no-international-text', what: 'international texts of a PNG are not unpacked', off: [{ file: PNG, find: "const OF_PIXELS = ['IHDR',", replace: "const OF_PIXELS = ['iTXt', 'IHDR'," }] },
  { id: 'decode-time', what: 'decoding has an end', off: [{ file: NORMALISE, find: '.timeout({ seconds: timeoutSeconds })', replace: '' }] },
  { id: 'decode-places', what: 'few pictures are decoded at a time', off: [{ file: NORMALISE, find: 'const gate = createGate(concurrency);', replace: 'const gate = createGate(concurrency * 1000);' }] },
  { id: 'places-of-large', what: 'a large picture is decoded alone', off: [{ file: NORMALISE, find: 'return Math.ceil((width * height) / PIXELS_A_PLACE);', replace: 'return 1;' }] },
  { id: 'upright', what: 'a picture is turned as its camera says', off: [{ file: NORMALISE, find: 'open(bytes).autoOrient()', replace: 'open(bytes)' }] },
  { id: 'no-metadata', what: 'nothing but pixels is stored', off: [{ file: NORMALISE, find: 'open(bytes).autoOrient()', replace: 'open(bytes).keepMetadata().autoOrient()' }, { file: PNG, find: "const OF_PIXELS = ['IHDR',", replace: "const OF_PIXELS = ['tEXt', 'zTXt', 'iTXt', 'IHDR'," }] },
  { id: 'encoded-anew', what: 'what is stored was encoded by us', off: [{ file: NORMALISE, find: 'return { ...result, notes: notesOn(image, result) };', replace: 'return { ...result, bytes, notes: notesOn(image, result) };' }] },
  { id: 'first-frame', what: 'of an animation the first frame is stored', off: [{ file: NORMALISE, find: 'pages: 1 }', replace: 'pages: -1 }' }, { file: NORMALISE, find: "if (!same) throw undecodable(new Error('two readings of one header'));", replace: '' }] },
  { id: 'one-colour-space', what: 'colours are stored in sRGB', off: [{ file: NORMALISE, find: ".toColourspace('srgb')", replace: ".toColourspace(bytes[0] === 0xff ? 'cmyk' : 'rgb16')" }] },
  { id: 'longest-edge', what: 'a picture is scaled to what the provider takes', off: [{ file: NORMALISE, find: 'width: maxEdge,\n          height: maxEdge,', replace: 'width: 100_000,\n          height: 100_000,' }] },
  { id: 'transparency-kept', what: 'transparency stays', off: [{ file: NORMALISE, find: 'const asJpeg = !image.lossless && !hasAlpha;', replace: 'const asJpeg = hasAlpha;' }] },
  { id: 'mask-has-alpha', what: 'a mask has an alpha channel', off: [{ file: NORMALISE, find: "if (!hasAlpha) throw notAMask('has no alpha channel');", replace: '' }, { file: NORMALISE, find: "if ((await decoding(sharp(result.bytes).stats())).isOpaque) throw notAMask('is opaque everywhere');", replace: '' }] },
  { id: 'mask-is-open', what: 'a mask leaves something to be edited', off: [{ file: NORMALISE, find: "if ((await decoding(sharp(result.bytes).stats())).isOpaque) throw notAMask('is opaque everywhere');", replace: '' }] },
  { id: 'mask-fits', what: 'a mask has the shape of its picture', off: [{ file: NORMALISE, find: 'if (Math.abs(mask.height - expectedHeight) <= Math.max(1, expectedHeight / 100)) return;', replace: 'return;' }] },

  { id: 'preview-pixels', what: 'a picture of a provider is decoded up to 100 megapixels', off: [{ file: PREVIEWS, find: 'limitInputPixels: 100_000_000', replace: 'limitInputPixels: false' }] },
  { id: 'thumbnail-size', what: 'a thumbnail fits into an answer', off: [{ file: PREVIEWS, find: 'for (const quality of QUALITIES) {', replace: 'for (const quality of [100]) {' }] },
  { id: 'thumbnail-edge', what: 'a thumbnail has 256 pixels', off: [{ file: PREVIEWS, find: 'const THUMBNAIL = { edge: 256,', replace: 'const THUMBNAIL = { edge: 2560,' }] },
] as const satisfies readonly Guard[];
