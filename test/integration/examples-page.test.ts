import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { PAGE, ROOT } from '../support/examples.js';

/** A marked part of an example file: the lines between `region name` and `endregion`, without their common indentation. */
function regionOf(source: string, name: string): string {
  const lines = source.split('\n');
  const marks = lines.map((line) => /^\s*(?:#|\/\/) (region \S+|endregion)$/.exec(line)?.[1]);
  const start = marks.indexOf(`region ${name}`);
  const end = marks.indexOf('endregion', start);
  if (start < 0 || end < 0) throw new Error(`no region ${name}`);
  const part = lines.slice(start + 1, end);
  const indentation = Math.min(...part.filter((line) => line.trim() !== '').map((line) => line.search(/\S/)));
  return part.map((line) => line.slice(indentation)).join('\n').trim();
}

describe('docs/web-ui.md', () => {
  it('has its pictures, small enough for a page', async () => {
    const page = await readFile(join(ROOT, 'docs', 'web-ui.md'), 'utf8');
    const pictures = [...page.matchAll(/!\[[^\]]+\]\(([^)]+)\)/g)].map(([, path = '']) => join(ROOT, 'docs', path));
    expect(pictures.length).toBeGreaterThan(3);
    for (const path of pictures) {
      expect((await sharp(path).metadata()).width).toBeLessThan(1400);
      expect((await stat(path)).size).toBeLessThan(150_000);
    }
  });
});

/** Code on the page is code that the tests run, so it cannot drift. */
describe('docs/other-languages.md', () => {
  it('shows the examples as they are, and no other code', async () => {
    const page = await readFile(PAGE, 'utf8');
    const blocks = [...page.matchAll(/(?:<!-- (?<mark>[^\n]+) -->\n)?```\w+\n(?<code>.*?)\n?```/gs)];
    expect(blocks.length).toBeGreaterThan(10);
    for (const { groups } of blocks) {
      const [file = '', region = ''] = (groups?.['mark'] ?? '').split(' ');
      if (file === 'run:') continue;
      expect({ file, region, code: groups?.['code'] }).toEqual({ file, region, code: regionOf(await readFile(join(ROOT, file), 'utf8'), region) });
    }
  });
});
