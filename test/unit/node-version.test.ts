import { describe, expect, it } from '@jest/globals';
import * as z from 'zod';
import { textOf } from './docs/documents.js';

const { engines } = z.object({ engines: z.object({ node: z.string() }) }).parse(JSON.parse(await textOf('package.json')));

/** With IMAGE_TEST_NODE these tests, and the servers that they start by their own program, are to run on that version. */
describe('the Node of these tests', () => {
  it('is the one that was asked for, or any that the package supports', () => {
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
    const wanted = process.env['IMAGE_TEST_NODE'];
    if (wanted !== undefined) expect(String(major)).toBe(wanted);
    const [, least = '', leastMinor = ''] = /^>=(\d+)\.(\d+)$/.exec(engines.node) ?? [];
    expect(major * 1000 + minor).toBeGreaterThanOrEqual(Number(least) * 1000 + Number(leastMinor));
  });
});
