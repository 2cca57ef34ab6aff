import { access } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { expect, it } from '@jest/globals';
import { documents, ROOT, textOf } from './documents.js';

const pages = await Promise.all((await documents()).map(async (name) => ({ name, text: await textOf(name) })));

it.each(pages)('every link of $name leads somewhere', async ({ name, text }) => {
  for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:/.test(target)) continue;
    const [file = '', anchor] = target.split('#');
    const path = file === '' ? name : normalize(join(dirname(name), file));
    await expect(access(join(ROOT, path))).resolves.toBeUndefined();
    if (anchor !== undefined) expect({ target, anchors: anchorsOf(await textOf(path)) }).toMatchObject({ anchors: expect.arrayContaining([anchor]) });
  }
});

/** As GitHub makes them of headings. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading.toLowerCase().replaceAll(/[^\p{L}\p{N}\s_-]/gu, '').replaceAll(' ', '-'));
}
