import { describe, expect, it } from '@jest/globals';
import { delimiter, resolve } from 'node:path';
import { cleanEnvironment } from '../../../src/local/clean-environment.js';
import { compareVersions } from '../../../src/local/compare-versions.js';
import { fileSystemOf } from '../../../src/local/data-folder.js';
import { readSettings } from '../../../src/config.js';

describe('fileSystemOf', () => {
  const linux = [
    '/dev/sda1 / ext4 rw 0 0',
    'server:/home /home nfs4 rw 0 0',
    '/dev/sdb1 /home/me/my\\040disk ext4 rw 0 0',
    'remote: /mnt/far fuse.sshfs rw 0 0',
  ].join('\n');
  const macos = ['/dev/disk1 on / (apfs, local)', '//me@server/share on /Volumes/share (smbfs, nodev)'].join('\n');

  it.each([
    ['/var/data', linux, 'ext4'],
    ['/home/me/data', linux, 'nfs4'],
    ['/homestead', linux, 'ext4'],
    ['/home/me/my disk/data', linux, 'ext4'],
    ['/mnt/far', linux, 'fuse.sshfs'],
    ['/Users/me', macos, 'apfs'],
    ['/Volumes/share/data', macos, 'smbfs'],
  ])('%s', (path, table, type) => {
    expect(fileSystemOf(path, table)).toBe(type);
  });
});

describe('cleanEnvironment', () => {
  it('lets through what the stack needs, and no key by any name', () => {
    const env = {
      PATH: '/bin',
      HOME: '/home/me',
      GOPROXY: 'https://proxy.example',
      IMAGE_STACK_IDLE_MINUTES: '3',
      LC_ALL: 'C',
      OPENAI_API_KEY: 'canary',
      FAL_KEY: 'canary',
      AWS_SECRET_ACCESS_KEY: 'canary',
      GITHUB_TOKEN: 'canary',
      IMAGE_MY_API_KEY: 'canary',
      TEMPORAL_ADDRESS: 'elsewhere:7233',
      NODE_OPTIONS: '--inspect',
    };
    const clean = cleanEnvironment(env, readSettings({ IMAGE_DATA_DIR: '/data', IMAGE_CACHE_DIR: '/cache' }));
    expect(clean).toEqual({
      PATH: '/bin',
      HOME: '/home/me',
      GOPROXY: 'https://proxy.example',
      IMAGE_STACK_IDLE_MINUTES: '3',
      LC_ALL: 'C',
      IMAGE_DATA_DIR: '/data',
      IMAGE_CACHE_DIR: '/cache',
    });
  });

  it('makes relative folders absolute, from the folder of the client', () => {
    const env = {
      IMAGE_DATA_DIR: './data',
      IMAGE_CACHE_DIR: 'cache',
      IMAGE_SAVE_ROOT: './pics',
      IMAGE_SAVE_DIR: 'today',
      IMAGE_REFERENCE_ROOTS: ['./refs', '/srv/refs', ' '].join(delimiter),
      IMAGE_CREDENTIALS_FILE: '../keys.env',
      TEMPORAL_CLI: 'bin/temporal',
    };
    const expected = {
      IMAGE_DATA_DIR: resolve('data'),
      IMAGE_CACHE_DIR: resolve('cache'),
      IMAGE_SAVE_ROOT: resolve('pics'),
      IMAGE_SAVE_DIR: resolve('pics/today'),
      IMAGE_REFERENCE_ROOTS: [resolve('refs'), '/srv/refs'].join(delimiter),
      IMAGE_CREDENTIALS_FILE: resolve('../keys.env'),
      TEMPORAL_CLI: resolve('bin/temporal'),
    };
    const clean = cleanEnvironment(env, readSettings(env));
    expect(clean).toEqual(expected);
    // The supervisor hands it on to its children.
    expect(cleanEnvironment(clean, readSettings(clean))).toEqual(expected);
    for (const family of ['EFLOWCODE', 'EF']) {
      const folders = { [`${family}_SAVE_DIR_ROOT`]: './pics', [`${family}_SAVE_DIR`]: 'today' };
      const earlier = { ...env, IMAGE_SAVE_ROOT: '', IMAGE_SAVE_DIR: '', ...folders };
      expect(cleanEnvironment(earlier, readSettings(earlier))).toEqual(expected);
    }
  });
});

describe('compareVersions', () => {
  it('compares by number', () => {
    expect(compareVersions('0.10.0', '0.9.9')).toBeGreaterThan(0);
    expect(compareVersions('1.0.0', '1.0.1')).toBeLessThan(0);
    expect(compareVersions('1.2.3', 'v1.2.3')).toBe(0);
  });
});
