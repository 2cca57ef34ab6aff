import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readSettings } from '../../../src/config.js';
import { capabilitiesOf } from '../../../src/generators/capabilities.js';
import { checkCapabilities } from '../../../src/generators/check-capabilities.js';
import { costByList } from '../../../src/generators/price.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'overrides-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function overridden(content: unknown): ReturnType<typeof readSettings>['overrides'] {
  const path = join(folder, 'providers.json');
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return readSettings({ IMAGE_DATA_DIR: folder, IMAGE_PROVIDERS_FILE: path }).overrides;
}

describe('IMAGE_PROVIDERS_FILE', () => {
  it('changes a provider and a model, and leaves the rest', () => {
    const overrides = overridden({
      bfl: { max_references: 5, models: { 'flux-9*': { mask: false, sizes: { by: 'list', sizes: ['512x512'] }, price: { currency: 'USD', per_image: 0.03, source: 'a page' } } } },
    });
    expect(capabilitiesOf('bfl', undefined, overrides)).toMatchObject({ maxReferences: 5, mask: true });
    expect(capabilitiesOf('bfl', 'flux-9-pro', overrides)).toMatchObject({ maxReferences: 5, mask: false, sizes: { by: 'list' }, price: { perImage: 0.03 } });
    expect(capabilitiesOf('openai', undefined, overrides)).toEqual(capabilitiesOf('openai'));
  });

  it('tells which models of Gemini take interactions', () => {
    const overrides = overridden({ gemini: { models: { 'gemini-9-image': { interactions: true } } } });
    expect(capabilitiesOf('gemini', 'Gemini-9-Image', overrides)).toMatchObject({ interactions: true, maxReferences: 14 });
    expect(capabilitiesOf('gemini', 'gemini-3-pro-image', overrides).interactions).toBeUndefined();
  });

  it('is what a call is refused by', () => {
    const asked = { kind: 'image_multi_reference' as const, image_paths: ['a.png', 'b.png', 'c.png'] };
    expect(checkCapabilities('bfl', asked, undefined, {}).problems).toEqual([]);
    const { problems } = checkCapabilities('bfl', asked, undefined, overridden({ bfl: { max_references: 2 } }));
    expect(problems).toEqual([{ field: 'image_paths', code: 'LIMIT_EXCEEDED', message: 'bfl takes at most 2 references, not 3' }]);
  });

  it.each<[string, unknown, RegExp]>([
    ['no JSON', '{', /it is not JSON/],
    ['an unknown provider', { nobody: {} }, /nobody/],
    ['an unknown field', { bfl: { masks: true } }, /masks/],
    ['a wrong value in a model', { bfl: { models: { x: { max_references: -1 } } } }, /bfl\.models\.x\.max_references/],
    ['two problems at once', { bfl: { mask: 'yes', seed: 1 } }, /2 problems.*mask.*seed/],
  ])('%s is refused with its place', (_name, content, message) => {
    expect(() => overridden(content)).toThrow(message);
  });

  it.each([
    ['/nowhere/providers.json', /\/nowhere\/providers\.json cannot be read: it is not there/],
    ['/dev/zero', /no ordinary file/],
    [tmpdir(), /no ordinary file/],
  ])('what is no file is refused with its name: %s', (path, message) => {
    expect(() => readSettings({ IMAGE_PROVIDERS_FILE: path })).toThrow(message);
  });

  it('a file without end is refused before it is read', () => {
    expect(() => overridden(' '.repeat(1024 * 1024 + 1))).toThrow(/more than 1048576 bytes/);
  });
});

describe('a price list', () => {
  const base = { currency: 'USD', source: 'list' };
  it.each<[string, Parameters<typeof costByList>, unknown]>([
    ['none', [undefined, 1, undefined], undefined],
    ['by picture', [{ ...base, perImage: 0.04 }, 2, undefined], { amount: 0.08, ...base }],
    ['by tokens', [{ ...base, perMillion: { output_tokens: 40, 'input_tokens_details.image_tokens': 10 } }, 1, { output_tokens: 1000, input_tokens_details: { image_tokens: 500 } }], { amount: 0.045, ...base }],
    ['tokens that were not counted', [{ ...base, perMillion: { output_tokens: 40 } }, 1, {}], undefined],
    ['no numbers', [base, 1, {}], undefined],
    ['fewer than no tokens', [{ ...base, perMillion: { output_tokens: 40 } }, 1, { output_tokens: -7 }], undefined],
    ['more than there is', [{ ...base, perMillion: { output_tokens: 40 } }, 1, { output_tokens: 1e300 }], undefined],
  ])('%s', (_name, given, expected) => {
    expect(costByList(...given)).toEqual(expected);
  });
});
