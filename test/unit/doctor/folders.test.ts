import { access, chmod, chown, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { hostname, networkInterfaces } from 'node:os';
import { delimiter, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { openBlobStore } from '../../../src/blobs/open-store.js';
import { dataFolder, lookAtDataFolder } from '../../../src/doctor/checks/data-folder.js';
import { freeSpace } from '../../../src/doctor/checks/free-space.js';
import { referenceFolders } from '../../../src/doctor/checks/reference-folders.js';
import { saveFolder } from '../../../src/doctor/checks/save-folder.js';
import { settings } from '../../../src/doctor/checks/settings.js';
import { isThisMachine, lookAtSharedStore, sharedStore } from '../../../src/doctor/checks/shared-store.js';
import { store } from '../../../src/doctor/checks/store.js';
import { networkFileSystemOf } from '../../../src/local/data-folder.js';
import { contextOf, levels, look, useFolder } from './support.js';

const folder = useFolder();
const ifRoot = process.getuid?.() === 0 ? it : it.skip;

describe('settings', () => {
  it('names what is nearly ours, and nothing else', async () => {
    const env = { IMAGE_DATADIR: '/x', IMAGE_TAG: 'v1', EFLOWCODE_API_KY: 'secret', EF_SAVEDIR: '/y', PATH: '/bin' };
    const findings = await look(settings, contextOf(folder(), env));
    expect(findings.map(({ message, remedy }) => [/variable (\w+) /.exec(message)?.[1], /Call it (\w+)/.exec(remedy ?? '')?.[1]])).toEqual([
      ['IMAGE_DATADIR', 'IMAGE_DATA_DIR'],
      ['EFLOWCODE_API_KY', 'EFLOWCODE_API_KEY'],
      ['EF_SAVEDIR', 'EF_SAVE_DIR'],
    ]);
    expect(JSON.stringify(findings)).not.toContain('secret');
    expect(levels(await look(settings, contextOf(folder(), { IMAGE_PROVIDER: 'local', IMAGE_TAG: 'v1' })))).toEqual(['ok']);
  });
});

describe('the data folder', () => {
  it('need not be there, and is not made by looking', async () => {
    expect(levels(await look(dataFolder, contextOf(folder())))).toEqual(['ok']);
    expect(await readdir(folder())).toEqual([]);
  });

  it('cannot be made below a file, behind a link to nothing, or be a file', async () => {
    await writeFile(join(folder(), 'file'), '');
    await symlink(join(folder(), 'nothing'), join(folder(), 'link'));
    for (const place of ['file/data', 'file', 'link', 'link/data']) {
      const findings = await look(dataFolder, contextOf(folder(), { IMAGE_DATA_DIR: join(folder(), place) }));
      expect(findings).toMatchObject([{ id: 'data-folder', level: 'error', remedy: expect.stringContaining('IMAGE_DATA_DIR') }]);
    }
    expect(levels(await lookAtDataFolder('/proc/nothing/data', { localStack: true }))).toEqual(['error']);
  });

  it.each([
    [0o750, 'look into'],
    [0o770, 'change'],
    [0o702, 'change'],
  ])('of mode %o lets others %s it', async (mode, what) => {
    const data = join(folder(), 'data');
    await mkdir(data);
    await chmod(data, mode);
    const findings = await look(dataFolder, contextOf(folder()));
    expect(findings).toMatchObject([{ level: 'warning', message: expect.stringContaining(what), remedy: expect.stringContaining(`chmod 700 ${data}`) }]);
    await chmod(data, 0o700);
    expect(levels(await look(dataFolder, contextOf(folder())))).toEqual(['ok']);
    expect(await readdir(data)).toEqual([]);
  });

  ifRoot('of another user is told', async () => {
    await mkdir(join(folder(), 'data'));
    await chown(join(folder(), 'data'), 12_345, 12_345);
    expect(await look(dataFolder, contextOf(folder()))).toMatchObject([{ level: 'warning', message: expect.stringContaining('12345') }]);
  });

  it('on a network file system cannot hold the database of the local stack', async () => {
    const mounts = async (): Promise<string> => `overlay / overlay rw 0 0\nserver:/export ${folder()} nfs4 rw 0 0\n`;
    const networkFileSystem = async (path: string): Promise<string | undefined> => await networkFileSystemOf(path, mounts);
    const data = join(folder(), 'data');
    await mkdir(data, { mode: 0o700 });
    expect(await lookAtDataFolder(data, { localStack: true, networkFileSystem })).toMatchObject([{ level: 'error', message: expect.stringContaining('nfs4') }]);
    expect(levels(await lookAtDataFolder(data, { localStack: false, networkFileSystem }))).toEqual(['ok']);
  });
});

describe('free space', () => {
  it('is told once a disk', async () => {
    const findings = await look(freeSpace, contextOf(folder()));
    expect(findings).toMatchObject([{ id: 'free-space', message: expect.stringMatching(/ has [\d.]+ [MG]B free/) }]);
  });
});

describe('the store', () => {
  it('is not made by looking', async () => {
    expect(levels(await look(store, contextOf(folder())))).toEqual(['ok']);
    expect(await readdir(folder())).toEqual([]);
  });

  it('takes, gives and removes a document', async () => {
    const context = contextOf(folder());
    const opened = await openBlobStore(context.settings.blobStore);
    expect(await look(store, { ...context, store: opened })).toMatchObject([{ level: 'ok', message: expect.stringContaining(opened.id) }]);
    expect(await readdir(join(folder(), 'data', 'store', 'doctor'))).toEqual([]);
  });

  it('that gives back something else is no store', async () => {
    const context = contextOf(folder());
    const opened = await openBlobStore(context.settings.blobStore);
    const forgetful = new Proxy(opened, {
      get(target, name): unknown {
        const value: unknown = Reflect.get(target, name, target);
        if (name === 'readDocument') return async () => undefined;
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    expect(await look(store, { ...context, store: forgetful })).toMatchObject([{ id: 'store', level: 'error' }]);
  });
});

describe('a store for several machines', () => {
  it.each(['temporal.example.com:7233', '203.0.113.7:7233', '[2001:db8::7]:7233'])('is no folder of this one, with Temporal at %s', async (address) => {
    const findings = await look(sharedStore, contextOf(folder(), { TEMPORAL_ADDRESS: address }));
    expect(findings).toMatchObject([{ id: 'shared-store', level: 'error', message: expect.stringContaining(address) }]);
  });

  it('may be a network mount', async () => {
    const findings = await lookAtSharedStore(contextOf(folder(), { TEMPORAL_ADDRESS: '203.0.113.7:7233' }), async () => 'nfs4');
    expect(findings).toMatchObject([{ level: 'ok', message: expect.stringContaining('nfs4') }]);
  });

  it('is not needed with Temporal on this machine', async () => {
    const own = Object.values(networkInterfaces()).flatMap((all) => all ?? []).map(({ address, family }) => (family === 'IPv6' ? `[${address}]:7233` : `${address}:7233`));
    for (const address of ['localhost:7233', '127.0.0.1:7233', '[::1]:7233', `${hostname()}:7233`, ...own]) {
      expect({ address, own: isThisMachine(address) }).toEqual({ address, own: true });
      expect(await look(sharedStore, contextOf(folder(), { TEMPORAL_ADDRESS: address }))).toEqual([]);
    }
    expect(await look(sharedStore, contextOf(folder()))).toEqual([]);
  });
});

describe('the folder for pictures', () => {
  it('need not be there, and is not made by looking', async () => {
    expect(levels(await look(saveFolder, contextOf(folder())))).toEqual(['ok']);
    await expect(access(join(folder(), 'pictures'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('that cannot be made is an error', async () => {
    await writeFile(join(folder(), 'pictures'), '');
    const findings = await look(saveFolder, contextOf(folder(), { IMAGE_SAVE_DIR: 'today' }));
    expect(findings).toMatchObject([{ id: 'save-folder', level: 'error', remedy: expect.stringContaining('IMAGE_SAVE_DIR') }]);
  });
});

describe('the folders for references', () => {
  it('are there by default, whether or not a picture was ever saved', async () => {
    expect(levels(await look(referenceFolders, contextOf(folder())))).toEqual(['ok']);
  });

  it('of the setting that are not there are named', async () => {
    const [there, file, gone] = [join(folder(), 'there'), join(folder(), 'file'), join(folder(), 'gone')];
    await mkdir(there);
    await writeFile(file, '');
    const findings = await look(referenceFolders, contextOf(folder(), { IMAGE_REFERENCE_ROOTS: [there, file, gone].join(delimiter) }));
    expect(levels(findings)).toEqual(['ok', 'warning']);
    expect(findings[1]).toMatchObject({ message: expect.stringContaining(`${file}, ${gone} are no folders`), remedy: expect.stringContaining('IMAGE_REFERENCE_ROOTS') });
    expect(levels(await look(referenceFolders, contextOf(folder(), { IMAGE_REFERENCE_ROOTS: delimiter })))).toEqual(['warning']);
  });

  it('of the client that are not there are named', async () => {
    const context = contextOf(folder(), {}, { clientRoots: [`file://${join(folder(), 'gone')}`] });
    expect(await look(referenceFolders, context)).toMatchObject([{ level: 'ok' }, { level: 'warning', remedy: expect.stringContaining('MCP client') }]);
  });
});
