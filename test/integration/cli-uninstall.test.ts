import { access, lstat, mkdir, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import * as z from 'zod';
import { jobRecordSchema, type JobRecord } from '../../src/contract/record.js';
import { signal } from '../../src/local/processes.js';
import { filesBelow, makeBox, run, until, type Box, type Run } from '../support/e2e.js';
import { startFakeOpenAi } from '../support/fake-openai.js';
import { onTerminal } from '../support/terminal.js';

jest.setTimeout(120_000);

const LOCAL = ['--provider', 'local', '--size', '512x512'];

const removedSchema = z.object({
  ok: z.literal(true),
  state: z.literal('removed'),
  data_dir: z.string(),
  removed: z.array(z.object({ path: z.string(), size_bytes: z.number() })),
  stays: z.array(z.object({ path: z.string(), why: z.string(), pictures: z.number().optional() })),
  cache: z.object({ path: z.string(), size_bytes: z.number(), removed: z.boolean() }).optional(),
});

let box: Box;
let sharedCache: string;
beforeEach(async () => {
  box = await makeBox();
  sharedCache = box.env['IMAGE_CACHE_DIR'] ?? '';
  // Nothing here may touch what the tests of this machine share.
  box.env['IMAGE_CACHE_DIR'] = join(box.folder, 'cache');
});
afterEach(async () => await box.close());

/** A stack needs the cached program of this machine. */
function withStack(env: Record<string, string> = {}): void {
  Object.assign(box.env, { IMAGE_CACHE_DIR: sharedCache }, env);
}

function removedOf({ stdout }: Run): z.infer<typeof removedSchema> {
  return removedSchema.parse(JSON.parse(stdout));
}

async function made(...args: string[]): Promise<JobRecord> {
  const { stdout } = await box.cli(['generate', 'a red kite', ...LOCAL, ...args, '--json']);
  return jobRecordSchema.parse(JSON.parse(stdout));
}

async function isThere(path: string): Promise<boolean> {
  return await lstat(path).then(
    () => true,
    () => false,
  );
}

/** A data folder as a stack leaves it, without one. */
async function halfMade(folder = box.dataDir): Promise<void> {
  await mkdir(join(folder, 'store', 'manifests'), { recursive: true });
  await mkdir(join(folder, 'logs'));
  await Promise.all(
    [
      ['salt', 'x'.repeat(32)],
      ['ports.json', '{}'],
      ['database.json', '{}'],
      ['temporal.db', ''],
      ['temporal.db.set-aside-2026-01-01T00-00-00.000Z-wal', ''],
      ['credentials.env', 'OPENAI_API_KEY=sk-canary'],
      ['store/store.json', '{"id":"x","created_at":"x"}'],
      ['logs/worker.log.1', 'x'],
    ].map(async ([name = '', text = '']) => await writeFile(join(folder, name), text)),
  );
}

describe('uninstall', () => {
  it('leaves no process and nothing of the data folder; pictures stay and are named', async () => {
    withStack();
    const one = await made();
    const two = await made('--save-dir', join(box.folder, 'elsewhere'));
    const files = [one, two].map(({ result }) => result?.saved[0]?.path ?? '');
    const before = await Promise.all(files.map(async (file) => await readFile(file)));
    await box.ready();
    expect((await box.processes()).map(({ role }) => role)).toEqual(expect.arrayContaining(['supervisor', 'temporal', 'worker']));

    const refused = await box.cli(['uninstall']);
    expect(refused).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/--yes was not given; nothing was ended or removed/) });
    expect(await box.status()).toMatchObject({ state: 'ready' });

    const ended = await box.cli(['uninstall', '--yes', '--json']);
    expect(ended).toMatchObject({ code: 0 });
    const { data_dir: dataDir, removed, stays, cache } = removedOf(ended);
    expect(dataDir).toBe(box.dataDir);
    expect(removed.map(({ path }) => path)).toEqual(expect.arrayContaining(['salt', 'store', 'temporal.db'].map((name) => join(box.dataDir, name))));
    expect(removed.find(({ path }) => path.endsWith('store'))?.size_bytes).toBeGreaterThan(10_000);
    expect(stays).toEqual(
      expect.arrayContaining([
        { path: box.pictures, why: 'save folder', pictures: 1 },
        { path: await realpath(join(box.folder, 'elsewhere')), why: 'save folder', pictures: 1 },
      ]),
    );
    expect(cache).toMatchObject({ removed: false });
    expect(await isThere(cache?.path ?? '')).toBe(true);

    expect(await box.processes()).toEqual([]);
    expect(await isThere(box.dataDir)).toBe(false);
    // The socket was in there.
    expect(await readdir(join(box.folder, 'tmp'))).toEqual([]);
    expect(await Promise.all(files.map(async (file) => await readFile(file)))).toEqual(before);

    const again = await box.cli(['uninstall', '--yes']);
    expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining('There is no data folder') });
    expect(await isThere(box.dataDir)).toBe(false);
  });

  it('works for a stack that was killed', async () => {
    withStack();
    await made();
    await box.killAll();
    expect(await isThere(join(box.dataDir, 'stack.json'))).toBe(true);
    expect(await box.cli(['uninstall', '--yes'])).toMatchObject({ code: 0 });
    expect(await isThere(box.dataDir)).toBe(false);
    expect(await readdir(join(box.folder, 'tmp'))).toEqual([]);
    expect(await filesBelow(box.pictures)).toHaveLength(1);
  });

  it('waits for a worker whose supervisor was killed and which has a paid request in flight', async () => {
    const fake = await startFakeOpenAi();
    try {
      withStack({ OPENAI_API_KEY: 'sk-canary', OPENAI_BASE_URL: fake.url });
      fake.fault({ kind: 'hang' });
      await box.cli(['generate', 'in flight', '--provider', 'openai', '--no-wait']);
      await fake.waitForRequest(({ method }) => method === 'POST');
      const { pids } = await box.status();
      signal(pids.supervisor ?? 0, 'SIGKILL');
      let over = false;
      const uninstalling = box.cli(['uninstall', '--yes', '--json']).finally(() => (over = true));
      const worker = async (): Promise<boolean> => (await box.processes()).some(({ role }) => role === 'worker');
      await until(async () => !(await box.processes()).some(({ role }) => role === 'temporal'), 'the server of the killed supervisor to end');
      expect(await worker()).toBe(true);
      expect(over).toBe(false);
      expect(await isThere(box.dataDir)).toBe(true);
      expect(fake.release()).toBe(1);
      expect(await uninstalling).toMatchObject({ code: 0, stderr: expect.stringContaining('1 job had not ended') });
      expect(await box.processes()).toEqual([]);
      expect(await isThere(box.dataDir)).toBe(false);
    } finally {
      await fake.close();
    }
  });

  it('ends a stack of a newer version, and removes what only that knows', async () => {
    withStack();
    await made();
    const path = join(box.dataDir, 'stack.json');
    const file = z.looseObject({ version: z.string() }).parse(JSON.parse(await readFile(path, 'utf8')));
    await writeFile(path, JSON.stringify({ ...file, version: '99.0.0' }));
    await mkdir(join(box.dataDir, 'of-the-future'));
    await writeFile(join(box.dataDir, 'of-the-future', 'file'), 'x');
    expect(await box.cli(['uninstall', '--yes'])).toMatchObject({ code: 0 });
    expect(await box.processes()).toEqual([]);
    expect(await isThere(box.dataDir)).toBe(false);
  });

  it('no client starts the stack again while it goes', async () => {
    withStack();
    const mcp = await box.server();
    await mcp.finished(await mcp.start('image_generate_async', { prompt: 'a red kite', provider: 'local', size: '512x512' }));
    const ended = await box.cli(['uninstall', '--yes']);
    expect(ended).toMatchObject({ code: 0, stderr: expect.stringContaining('1 MCP client used it') });
    expect((await box.processes()).map(({ role }) => role)).toEqual(['stdio']);
    expect(await isThere(box.dataDir)).toBe(false);
  });
});

describe('uninstall of a folder without a stack', () => {
  it.each<[string, () => Promise<unknown>]>([
    ['one that a stack has left', async () => await halfMade()],
    ['an empty one', async () => await mkdir(box.dataDir)],
    ['a first start that was cut short', async () => await mkdir(join(box.dataDir, 'logs'), { recursive: true })],
    ['a store that was cut short', async () => await mkdir(join(box.dataDir, 'store', 'tmp'), { recursive: true })],
    [
      'drafts of killed processes',
      async () => {
        await halfMade();
        const drafts = ['stack.json.0123456789ab', 'salt.0123456789abcdef', '.writable-0123456789ab', 'over-01234567-89ab-cdef-0123-456789abcdef'];
        for (const name of drafts) await writeFile(join(box.dataDir, name), '');
      },
    ],
    ['manifests that nobody can read', async () => {
      await halfMade();
      await writeFile(join(box.dataDir, 'store', 'manifests', 'a.json'), '{');
      await writeFile(join(box.dataDir, 'store', 'manifests', 'b.json'), '{"job_id":"x","state":"later","input":7,"record":[]}');
    }],
  ])('removes %s', async (_, make) => {
    await make();
    const ended = await box.cli(['uninstall', '--yes', '--json']);
    expect(ended).toMatchObject({ code: 0 });
    expect(removedOf(ended).data_dir).toBe(box.dataDir);
    expect(await isThere(box.dataDir)).toBe(false);
    expect(ended.stdout + ended.stderr).not.toContain('sk-canary');
  });

  it.each<[string, () => Promise<string> | string]>([
    ['the root', () => '/'],
    ['home', () => join(box.folder, 'home')],
    ['home as ~', () => '~'],
    ['home that is a data folder', async () => {
      const home = join(box.folder, 'home');
      await rm(join(home, 'letter'));
      await halfMade(home);
      return home;
    }],
    ['a parent of home', () => box.folder],
    ['a folder of the system', () => '/etc'],
    ['the working folder', () => process.cwd()],
    ['a parent of the working folder', () => join(process.cwd(), '..')],
    ['a folder with other things', async () => {
      const folder = join(box.folder, 'project');
      await mkdir(join(folder, 'store'), { recursive: true });
      await mkdir(join(folder, 'logs'));
      await writeFile(join(folder, 'store', 'index.ts'), 'x');
      await writeFile(join(folder, 'logs', 'mine.log'), 'x');
      return folder;
    }],
    ['a folder with no more than keys', async () => {
      const folder = join(box.folder, 'keys');
      await mkdir(folder);
      await writeFile(join(folder, 'credentials.env'), 'x');
      return folder;
    }],
    ['a file', async () => {
      await writeFile(join(box.folder, 'file'), 'x');
      return join(box.folder, 'file');
    }],
    ['a link to home', async () => {
      await symlink(join(box.folder, 'home'), join(box.folder, 'link'));
      return join(box.folder, 'link');
    }],
    ['a link to nothing', async () => {
      await symlink(join(box.folder, 'nothing'), join(box.folder, 'link'));
      return join(box.folder, 'link');
    }],
    ['a data folder with something else in it', async () => {
      await halfMade();
      await writeFile(join(box.dataDir, 'thesis.tex'), 'x');
      return box.dataDir;
    }],
    ['a data folder whose store holds something else', async () => {
      await halfMade();
      await writeFile(join(box.dataDir, 'store', 'thesis.tex'), 'x');
      return box.dataDir;
    }],
  ])('refuses %s and touches nothing', async (_, make) => {
    await writeFile(join(box.folder, 'home', 'letter'), 'x');
    const folder = await make();
    const before = await filesBelow(box.folder);
    const { code, stdout } = await box.cli(['uninstall', '--yes', '--cache', '--data-dir', folder, '--json']);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, error: { code: 'INVALID_STATE', message: expect.stringContaining('nothing was removed') } });
    expect(await filesBelow(box.folder)).toEqual(before);
  });

  it('refuses while pictures lie inside, and the command that it names makes them safe', async () => {
    await halfMade();
    const inside = join(box.dataDir, 'my pictures', 'saved');
    await mkdir(inside, { recursive: true });
    await writeFile(join(inside, 'kite.png'), 'a picture');
    const env = { IMAGE_SAVE_ROOT: inside };
    const refused = await box.cli(['uninstall', '--yes'], env);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/^INVALID_STATE: Pictures are saved in .*, inside the data folder/m) });
    expect(await readFile(join(inside, 'kite.png'), 'utf8')).toBe('a picture');

    const command = /mkdir -p .*$/m.exec(refused.stderr)?.[0] ?? '';
    expect(await run('/bin/sh', ['-c', command], box.env)).toMatchObject({ code: 0 });
    expect(await readFile(join(box.folder, 'home', 'Pictures', 'from-durable-image-mcp', 'kite.png'), 'utf8')).toBe('a picture');
    await mkdir(inside);
    expect(await box.cli(['uninstall', '--yes'], env)).toMatchObject({ code: 0 });
    expect(await isThere(box.dataDir)).toBe(false);
  });

  it('refuses for pictures in a save folder that only a manifest names', async () => {
    await halfMade();
    const inside = join(box.dataDir, 'earlier');
    await mkdir(inside);
    const saved = { sha256: 'ab'.repeat(32), mime_type: 'image/png' };
    const manifest = { job_id: 'x', state: 'ended', input: { frozen: { save_dir: inside } }, record: { result: { saved: [saved] } } };
    await writeFile(join(box.dataDir, 'store', 'manifests', 'a.json'), JSON.stringify(manifest));
    await writeFile(join(inside, 'image-2d711642-abababab.png'), 'a picture');
    expect(await box.cli(['uninstall', '--yes'])).toMatchObject({ code: 1, stderr: expect.stringContaining('Pictures are saved in') });
    await rm(join(inside, 'image-2d711642-abababab.png'));
    await rm(inside, { recursive: true });
    const ended = await box.cli(['uninstall', '--yes']);
    expect(ended).toMatchObject({ code: 0, stderr: expect.stringContaining('1 picture of it can be found only in its store') });
  });

  it('follows no link out of the folder, and removes one that named it', async () => {
    const elsewhere = join(box.folder, 'elsewhere');
    const real = join(box.folder, 'big disk', 'data');
    await mkdir(elsewhere);
    await writeFile(join(elsewhere, 'letter'), 'x');
    await mkdir(real, { recursive: true });
    await halfMade(real);
    await symlink(elsewhere, join(real, 'store', 'sha256'));
    await symlink(elsewhere, join(real, 'temporal.db-link'));
    await symlink(real, box.dataDir);
    expect(await box.cli(['uninstall', '--yes'])).toMatchObject({ code: 0 });
    expect(await isThere(box.dataDir)).toBe(false);
    expect(await isThere(real)).toBe(false);
    expect(await readFile(join(elsewhere, 'letter'), 'utf8')).toBe('x');
  });

  it('a store and a credentials file elsewhere stay and are named', async () => {
    await halfMade();
    const store = join(box.folder, 'store of all');
    const keys = join(box.folder, 'keys.env');
    await mkdir(store);
    await writeFile(keys, 'x');
    const ended = await box.cli(['uninstall', '--yes', '--json'], { IMAGE_BLOB_STORE: `file:${store}`, IMAGE_CREDENTIALS_FILE: keys });
    expect(ended).toMatchObject({ code: 0 });
    expect(removedOf(ended).stays.map(({ path }) => path)).toEqual(expect.arrayContaining([store, keys]));
    await access(store);
    await access(keys);
  });
});

describe('uninstall on a terminal', () => {
  async function withCache(): Promise<string> {
    const cache = box.env['IMAGE_CACHE_DIR'] ?? '';
    await mkdir(join(cache, 'temporal-v1.5.1'), { recursive: true });
    await writeFile(join(cache, 'temporal-v1.5.1', 'temporal'), 'a program');
    await writeFile(join(cache, 'making.json'), '{}');
    return cache;
  }

  it('asks for the data folder, then for the cache, and a no keeps either', async () => {
    await halfMade();
    const cache = await withCache();
    const kept = await onTerminal(['uninstall'], box.env, 'n');
    expect(kept).toMatchObject({ code: 1, screen: expect.stringContaining('Nothing was removed') });
    expect(kept.screen).toMatch(/To be removed: .*data/);
    expect(await isThere(box.dataDir)).toBe(true);

    const half = await onTerminal(['uninstall'], box.env, 'yn');
    expect(half.code).toBe(0);
    expect(await isThere(box.dataDir)).toBe(false);
    expect(await isThere(join(cache, 'temporal-v1.5.1', 'temporal'))).toBe(true);

    await halfMade();
    await writeFile(join(cache, 'notes.txt'), 'somebody’s');
    const both = await onTerminal(['uninstall'], box.env, 'yy');
    expect(both.code).toBe(0);
    expect(await isThere(box.dataDir)).toBe(false);
    expect(await readdir(cache)).toEqual(['notes.txt']);
  });

  it('--yes keeps the cache without a word for it, --cache removes it', async () => {
    await halfMade();
    const cache = await withCache();
    expect(removedOf(await box.cli(['uninstall', '--yes', '--json'])).cache).toMatchObject({ path: cache, removed: false });
    const told = await box.cli(['uninstall', '--yes']);
    const command = /\S+ \S+cli\.js uninstall --yes --cache.*$/m.exec(told.stderr)?.[0] ?? '';
    expect(await run('/bin/sh', ['-c', command], box.env)).toMatchObject({ code: 0 });
    expect(await isThere(cache)).toBe(false);
  });
});
