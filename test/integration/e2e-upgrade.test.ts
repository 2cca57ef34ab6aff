import { cp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { VERSION } from '../../src/version.js';
import { CLI, makeBox, until, type Box, type Mcp } from '../support/e2e.js';
import { startFakeOpenAi, type FakeOpenAi } from '../support/fake-openai.js';

jest.setTimeout(120_000);

const ROOT = dirname(dirname(CLI));

/** The built package in a folder of its own, as a package manager installs it, under that version. */
async function install(folder: string, version: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (const part of ['dist', 'assets', 'package.json']) await cp(join(ROOT, part), join(folder, part), { recursive: true });
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const file = join(folder, 'dist/version.js');
  const text = (await readFile(file, 'utf8')).replace(VERSION, version);
  await writeFile(file, text);
  return join(folder, 'dist/cli.js');
}

describe('a client of a newer package', () => {
  let box: Box;
  let fake: FakeOpenAi;
  let older: Mcp;
  let newer: Mcp;

  beforeAll(async () => {
    fake = await startFakeOpenAi();
    box = await makeBox({ OPENAI_API_KEY: 'sk-upgrade', OPENAI_BASE_URL: fake.url });
  });
  afterAll(async () => {
    await box.close();
    await fake.close();
  });

  it('takes over from a stack whose package was deleted in the middle of a job, which completes and is paid once', async () => {
    const folder = join(box.folder, 'older');
    older = await box.server({}, await install(folder, '1.0.0'));
    fake.settings.complete_after_polls = Number.MAX_SAFE_INTEGER;
    const jobId = await older.start('image_generate_async', { prompt: 'a bridge', size: '512x512' });
    await fake.waitForRequest(({ method }) => method === 'GET');
    const before = await box.status();
    expect(before.versions.package).toBe('1.0.0');

    await rm(folder, { recursive: true });
    newer = await box.server({}, await install(join(box.folder, 'newer'), '1.0.1'));
    const other = await newer.start('image_generate_async', { prompt: 'a tower', provider: 'local', size: '64x64' });
    fake.settings.complete_after_polls = 1;
    const [first, second] = await Promise.all([newer.finished(jobId), newer.finished(other)]);
    expect(first).toMatchObject({ status: 'completed', billing: 'billed' });
    expect(second).toMatchObject({ status: 'completed' });
    expect(fake.ledger().total).toBe(1);

    const status = await until(async () => {
      const now = await box.status();
      return now.versions.package === '1.0.1' && now.worker.state === 'running' && now;
    }, 'the newer stack');
    expect(status.pids.worker).not.toBe(before.pids.worker);
    // Beside them are the guards of the server and the worker, which end with them.
    const roles = (await box.processes()).map(({ role }) => role).filter((role) => role !== 'other');
    expect(roles.sort()).toEqual(['stdio', 'stdio', 'supervisor', 'temporal', 'worker']);
  });
});
