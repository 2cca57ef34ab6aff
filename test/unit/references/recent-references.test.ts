import { describe, expect, it } from '@jest/globals';
import type { Normaliser } from '../../../src/references/normalise.js';
import { rememberingReferences } from '../../../src/references/recent-references.js';

/** A normaliser that says what it was asked; bytes that begin with an x cannot be decoded. */
function counted(): { normaliser: Normaliser; made: string[] } {
  const made: string[] = [];
  const normaliser: Normaliser = {
    async normaliseReference(bytes, { maxEdge }) {
      made.push(`${bytes.toString()} ${maxEdge}`);
      await new Promise((resolve) => setImmediate(resolve));
      if (bytes.toString().startsWith('x')) throw new Error('cannot be decoded');
      return { bytes: Buffer.from(`${bytes.toString()} of ${maxEdge}`), mimeType: 'image/png', width: maxEdge, height: 1, notes: [] };
    },
    normaliseMask: () => Promise.reject(new Error('no mask here')),
  };
  return { normaliser, made };
}

describe('references of the last jobs', () => {
  it('are decoded once, also at the same moment, and for each size that a provider takes', async () => {
    const { normaliser, made } = counted();
    const { normaliseReference } = rememberingReferences(normaliser);
    const twice = await Promise.all([1, 2].map(() => normaliseReference(Buffer.from('cat'), { maxEdge: 512 })));
    const again = await normaliseReference(Buffer.from('cat'), { maxEdge: 512 });
    const smaller = await normaliseReference(Buffer.from('cat'), { maxEdge: 256 });
    expect([...twice, again, smaller].map(({ bytes }) => bytes.toString())).toEqual(['cat of 512', 'cat of 512', 'cat of 512', 'cat of 256']);
    expect(made).toEqual(['cat 512', 'cat 256']);
  });

  it('that cannot be decoded are tried again each time', async () => {
    const { normaliser, made } = counted();
    const { normaliseReference } = rememberingReferences(normaliser);
    for (let time = 0; time < 2; time += 1) {
      await expect(normaliseReference(Buffer.from('x'), { maxEdge: 512 })).rejects.toThrow('cannot be decoded');
    }
    expect(made).toHaveLength(2);
  });

  it('are kept up to a size, those that were asked last', async () => {
    const { normaliser, made } = counted();
    const { normaliseReference } = rememberingReferences(normaliser, 2 * 'a of 512'.length);
    const ask = (name: string): Promise<unknown> => normaliseReference(Buffer.from(name), { maxEdge: 512 });
    for (const name of ['a', 'b', 'a', 'c', 'a', 'b']) await ask(name);
    expect(made).toEqual(['a 512', 'b 512', 'c 512', 'b 512']);
    await ask('larger than all that is kept');
    await ask('larger than all that is kept');
    expect(made).toHaveLength(6);
  });
});
