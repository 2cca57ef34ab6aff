import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { openBlobStore } from '../../../src/blobs/open-store.js';
import { JobFailure } from '../../../src/contract/errors.js';
import { ALL_CHECKS, CLIENT_CHECKS } from '../../../src/doctor/checks/index.js';
import { clientFindings } from '../../../src/doctor/client-findings.js';
import type { Check } from '../../../src/doctor/context.js';
import { error, ok, warning, worstFirst } from '../../../src/doctor/finding.js';
import { runChecks } from '../../../src/doctor/run-checks.js';
import { contextOf, stackStatus, useFolder } from './support.js';

const folder = useFolder();

function check(id: string, look: Check<null>['look'], area: Check['area'] = 'Jobs'): Check<null> {
  return { id, area, look };
}

describe('checks', () => {
  let free = (): void => {};
  afterEach(() => free());

  it('that fail or hang are findings, and keep none of the others', async () => {
    const hung = new Promise<never>((_, reject) => {
      free = () => reject(new Error('free'));
    });
    hung.catch(() => undefined);
    const failure = new JobFailure({ code: 'STORE_UNAVAILABLE', message: 'The disk is full.', nextStep: 'Free some space.' });
    const checks = [
      check('one', () => [ok('one', 'fine')]),
      check('two', () => Promise.reject(failure), 'Temporal'),
      check('three', async () => await hung),
      check('four', () => Promise.reject(new Error('boom'))),
      check('five', async () => [ok('five', 'fine'), warning('five', 'w', 'r')]),
    ];
    expect(await runChecks(checks, null, 50)).toMatchObject([
      {
        area: 'Jobs',
        findings: [
          ok('one', 'fine'),
          { id: 'three', level: 'warning', message: 'This could not be looked at within 0.05 seconds.' },
          { id: 'four', level: 'error', message: 'This could not be looked at: boom.' },
          ok('five', 'fine'),
          warning('five', 'w', 'r'),
        ],
      },
      { area: 'Temporal', findings: [error('two', 'The disk is full.', 'Free some space.')] },
    ]);
  });

  it('are told the worst first', () => {
    const findings = [ok('a', ''), warning('b', '', ''), error('c', '', ''), warning('d', '', '')];
    expect(worstFirst(findings).map(({ id }) => id)).toEqual(['c', 'b', 'd', 'a']);
  });

  it('of a client are among those of the command, but for two that look at a glance', () => {
    const ids = ALL_CHECKS.map(({ id }) => id);
    expect(CLIENT_CHECKS.filter(({ id }) => !ids.includes(id))).toEqual([]);
    expect(CLIENT_CHECKS.filter((one) => !ALL_CHECKS.includes(one)).map(({ id }) => id)).toEqual(['temporal-binary', 'local-stack']);
  });
});

describe('findings for a client', () => {
  it('are warnings and errors alone, the worst first, and few bytes however much is wrong', async () => {
    const long = 'x'.repeat(180);
    const roots = Array.from({ length: 40 }, (_, index) => join(folder(), long, String(index)));
    const typos = Object.fromEntries(Array.from({ length: 26 }, (_, index) => [`IMAGE_DATA_DI${String.fromCharCode(65 + index)}`, 'x']));
    delete typos['IMAGE_DATA_DIR'];
    const { settings, env } = contextOf(folder(), { ...typos, IMAGE_PROVIDER: 'gemini', IMAGE_REFERENCE_ROOTS: roots.join(':'), TEMPORAL_NAMESPACE: 'x' });
    const store = await openBlobStore(settings.blobStore);
    await mkdir(join(folder(), 'data'), { recursive: true });
    const stack = stackStatus(folder(), { state: 'stopped' });
    const { findings, leftOut } = await clientFindings({ settings, env, store, clientRoots: roots, stack, connected: undefined });
    expect(findings[0]).toMatchObject({ id: 'default-provider', level: 'error' });
    expect(findings.every(({ level, remedy }) => level !== 'ok' && remedy !== undefined)).toBe(true);
    expect(leftOut).toBeGreaterThan(0);
    expect(Buffer.byteLength(JSON.stringify(findings))).toBeLessThan(2_500);
  });

  it('say how to see more when a remote Temporal is away', async () => {
    const { settings, env } = contextOf(folder(), { TEMPORAL_ADDRESS: 'localhost:1' });
    const store = await openBlobStore(settings.blobStore);
    const { findings } = await clientFindings({ settings, env, store, clientRoots: [], stack: undefined, connected: undefined });
    expect(findings).toMatchObject([{ id: 'temporal', level: 'error', remedy: expect.stringMatching(/TEMPORAL_ADDRESS=localhost:1 .* doctor/) }]);
  });
});
