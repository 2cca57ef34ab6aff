import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import { claimFile, readClaim, releaseClaim, type Claim } from '../../../src/local/claim.js';

const schema = z.object({ name: z.string(), alive: z.boolean() });
type Owner = z.infer<typeof schema>;
let folder: string;
let claim: Claim<Owner>;
const isAlive = async ({ alive }: Owner): Promise<boolean> => alive;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'claim-'));
  claim = { path: join(folder, 'owner.json'), schema };
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe('claimFile', () => {
  it('gives the file to one of many, also when all see the same dead owner', async () => {
    await claimFile(claim, { name: 'dead', alive: false }, isAlive);
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, index) => claimFile(claim, { name: `n${index}`, alive: true }, isAlive)),
    );
    const winners = results.filter(({ claimed }) => claimed);
    expect(winners).toHaveLength(1);
    expect(winners[0]).toEqual({ claimed: true, previous: { name: 'dead', alive: false } });
    const owner = await readClaim(claim);
    for (const result of results) if (!result.claimed) expect(result.owner).toEqual(owner);
    expect(await readdir(folder)).toEqual(['owner.json']);
  });

  it('takes a file that nobody can read as nobody’s', async () => {
    await writeFile(claim.path, '{"name": ');
    expect(await claimFile(claim, { name: 'me', alive: true }, isAlive)).toEqual({ claimed: true, previous: undefined });
  });

  it('releases only its own', async () => {
    await claimFile(claim, { name: 'other', alive: true }, isAlive);
    await releaseClaim(claim, ({ name }) => name === 'me');
    expect(await readClaim(claim)).toMatchObject({ name: 'other' });
    await releaseClaim(claim, ({ name }) => name === 'other');
    expect(await readClaim(claim)).toBeUndefined();
  });
});
