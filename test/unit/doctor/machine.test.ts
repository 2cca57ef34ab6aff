import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import * as z from 'zod';
import { LEAST_NODE, nodeVersion } from '../../../src/doctor/checks/node-version.js';
import { platform } from '../../../src/doctor/checks/platform.js';
import { lookAtFolders } from '../../../src/doctor/checks/window-path.js';
import { look, useFolder } from './support.js';

const machine = { env: {}, platform: process.platform, nodeVersion: process.versions.node };

describe('the version of Node', () => {
  it('is the one that package.json wants', async () => {
    const text = await readFile(fileURLToPath(new URL('../../../package.json', import.meta.url)), 'utf8');
    const { engines } = z.object({ engines: z.object({ node: z.string() }) }).parse(JSON.parse(text));
    expect(`${engines.node}.0`).toBe(`>=${LEAST_NODE}`);
  });

  it.each([
    ['20.10.9', 'error'],
    ['18.20.0', 'error'],
    ['20.11.0', 'ok'],
    ['24.1.0', 'ok'],
  ])('%s: %s', async (version, level) => {
    expect(await look(nodeVersion, { ...machine, nodeVersion: version })).toMatchObject([{ id: 'node', level }]);
  });
});

describe('the platform', () => {
  it('has no local stack on Windows, and needs none with a Temporal elsewhere', async () => {
    expect(await look(platform, { ...machine, platform: 'win32' })).toMatchObject([{ level: 'error', remedy: expect.stringContaining('TEMPORAL_ADDRESS') }]);
    expect(await look(platform, { ...machine, platform: 'win32', env: { TEMPORAL_ADDRESS: ' ' } })).toMatchObject([{ level: 'error' }]);
    expect(await look(platform, { ...machine, platform: 'win32', env: { TEMPORAL_ADDRESS: 'x:7233' } })).toMatchObject([{ level: 'ok' }]);
    expect(await look(platform, { ...machine, platform: 'linux' })).toMatchObject([{ level: 'ok' }]);
  });
});

describe('the PATH of a desktop session', () => {
  const folder = useFolder();

  it('finds node', async () => {
    await symlink(process.execPath, join(folder(), 'node'));
    expect(await lookAtFolders(['/nowhere', folder()])).toMatchObject([{ level: 'ok', message: expect.stringContaining(process.versions.node) }]);
  });

  it('finds none: the remedy is what the configuration needs', async () => {
    const [finding] = await lookAtFolders(['/nowhere', folder()]);
    expect(finding).toMatchObject({ level: 'warning', message: expect.stringContaining(folder()) });
    const [, block] = /configuration: (.*)$/.exec(finding?.remedy ?? '') ?? [];
    const { command, args } = z.object({ command: z.string(), args: z.tuple([z.string()]) }).parse(JSON.parse(`{${block}}`));
    expect(command).toBe(process.execPath);
    expect(args[0]).toMatch(/\/cli\.js$/);
  });

  it('finds one that is too old, or that does not run, and passes over what is no program', async () => {
    const [old, broken] = [join(folder(), 'old'), join(folder(), 'broken')];
    await Promise.all([mkdir(old), mkdir(broken)]);
    await writeFile(join(old, 'node'), '#!/bin/sh\necho v18.19.0\n');
    await writeFile(join(broken, 'node'), '#!/bin/sh\nexit 1\n');
    await chmod(join(broken, 'node'), 0o755);
    expect(await lookAtFolders([old])).toMatchObject([{ level: 'warning', message: expect.stringContaining('find no node') }]);
    await chmod(join(old, 'node'), 0o755);
    expect(await lookAtFolders([old])).toMatchObject([{ level: 'warning', message: expect.stringContaining('18.19.0') }]);
    expect(await lookAtFolders([broken])).toMatchObject([{ level: 'warning', message: expect.stringContaining('unknown version') }]);
  });
});
