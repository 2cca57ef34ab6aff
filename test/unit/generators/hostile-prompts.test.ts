import { describe, expect, it } from '@jest/globals';
import { LIMITS } from '../../../src/contract/input.js';
import { parseEdits } from '../../../src/generators/local/parse-edits.js';

/** Far above what a prompt takes, far below what one takes that hangs. */
const HANGS_MS = 2000;

/** Words and signs of every operation, so that a repetition of any of them nearly fits something. */
const FRAGMENTS = [
  ' ', '\t', '\n', ',', ':', '=', '"', "'", "'x", '“', '«', '‘', '`', '+', '-', '#', '%', '.', '9', 'x', 'a-', "a'", '☃', '👩‍👩‍👧',
  ' it', ' with', ' of', ' says', ' the text', ' with the text', ' with the text:', ' that says', ' caption', ' caption "', " caption 'x", ' caption:', ' title =', ' add a', ' put the', ' write it',
  ' crop', ' crop it to', ' crop to 9', ' crop 9 x', ' crop 16:', ' crop the whole image to the', ' crop to the center', ' square', ' resize', ' resize up to the', ' scale 9', ' scale to 9 px',
  ' half', ' half size', ' size', ' original', ' double the', ' of the', ' rotate', ' rotate 9', ' rotate by 9 degrees to the', ' turn', ' counter', ' upside', ' flip', ' flip it', ' mirror top to', ' vertical', ' black', ' black and', ' b & ',
  ' much', ' a lot', ' slightly', ' a bit', ' blur', ' blur by', ' blur with a radius of', ' sharpen', ' sharpen a', ' desaturate by', ' invert the', ' brighten', ' brighten by 9', ' increase the', ' increase some', ' more', ' less', ' brightness by', ' contrast +',
  ' 9px wide', ' 9 thick', ' dark', ' dark-', ' light blue', ' red border', ' red border of 9', ' border of', ' border of 9 px in', ' frame', ' tint', ' tint it to the', ' make it', ' make the whole picture', ' make it red', ' red',
  ' and', ' then', ' also', ' please', ' to', ' a', ' the', ' x and', ' x to the', ' hat and then',
];
const HEADS = ['caption', 'hat'];
const OPERATIONS = ['', 'add the caption', 'write', 'crop', 'crop it to 9', 'resize', 'rotate', 'rotate 9', 'flip', 'blur', 'sharpen', 'brighten', 'contrast', 'border', '9', 'make it', 'half', 'dark'];
/** The longest runs of one thing are of these. */
const RUNS = [' ', '\t', '-', '9', ' it', ' to the', ' the text'];

const repeated = (head: string, fragment: string): string =>
  `${head}${fragment.repeat(LIMITS.promptCharacters / fragment.length)}`.slice(0, LIMITS.promptCharacters - 2) + ' x';

function expectToBeRead(prompt: string): void {
  const from = performance.now();
  parseEdits(prompt);
  const start = prompt.slice(0, 80);
  expect({ start, hangs: performance.now() - from > HANGS_MS }).toEqual({ start, hangs: false });
}

describe('no prompt hangs the reading of edits', () => {
  it.each(FRAGMENTS)('%j, over and over', (fragment) => {
    for (const head of HEADS) expectToBeRead(repeated(head, fragment));
  });

  it.each(OPERATIONS)('a run of anything behind %j', (operation) => {
    for (const run of RUNS) expectToBeRead(repeated(operation, run));
  });

  it('the words before a caption are found all the same', () => {
    for (const words of ['caption', 'with the text', 'add a caption that says', 'caption it with the text:', 'title =', 'write']) {
      expect(parseEdits(`${words} "Good day"`).edits).toEqual([{ type: 'caption', text: 'Good day' }]);
    }
  });

  it('what is not understood is told without the words around it', () => {
    expect(parseEdits('and then please add a hat and the').unknown).toEqual(['add a hat']);
  });
});
