import { describe, expect, it } from '@jest/globals';
import { REGION_NAMES, withRegions } from '../../../src/reference/regions.js';
import { documents, textOf } from './documents.js';

describe('what the documents take from the code', () => {
  it('is what the code says now (npm run docs)', async () => {
    for (const name of await documents()) {
      const text = await textOf(name);
      expect({ name, text }).toEqual({ name, text: withRegions(text) });
    }
  });

  it('is all in some document', async () => {
    const all = (await Promise.all((await documents()).map(textOf))).join('\n');
    expect(REGION_NAMES.filter((name) => !all.includes(`<!-- generated ${name} -->`))).toEqual([]);
  });

  it.each([
    ['that nothing generates', '<!-- generated nonsense -->\n<!-- end nonsense -->'],
    ['that does not end', '<!-- generated tools -->\n'],
    ['that ends as another', '<!-- generated tools -->\n<!-- end tool-sections -->'],
  ])('is never a region %s', (_, text) => {
    expect(() => withRegions(text)).toThrow();
  });
});
