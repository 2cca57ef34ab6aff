import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HostileCase, Place } from '../case.js';
import type { GuardId } from '../guards/index.js';
import { CAT } from '../run/place.js';

/** Where pictures are written to: save_dir, basename, and the names that a job_id and a media type give. */

interface Row {
  id: string;
  what: string;
  guard: GuardId;
  folder: string | ((place: Place) => string);
  code?: 'PERMISSION_DENIED' | 'INVALID_ARGUMENT';
}

const FOLDERS: readonly Row[] = [
  { id: 'save-outside', what: 'a folder outside', guard: 'save-inside', folder: ({ outside }) => join(outside, 'new') },
  { id: 'save-parent', what: '..', guard: 'save-inside', folder: '../outside/new' },
  { id: 'save-file-url', what: 'a file URL outside', guard: 'save-inside', folder: ({ outside }) => `file://${outside}/by-url` },
  { id: 'save-home', what: 'home', guard: 'save-inside', folder: '~/pictures' },
  { id: 'save-references', what: 'a folder that references are read from', guard: 'save-inside', folder: ({ root }) => root },
  { id: 'save-link', what: 'a link to a folder outside', guard: 'real-path', folder: (place) => join(place.link('save/link', place.outside), 'new') },
  { id: 'save-dangling', what: 'a link to a folder outside that is not there yet', guard: 'dangling-link', folder: (place) => place.link('save/new', join(place.outside, 'new')) },
  { id: 'save-sibling', what: 'a sibling whose name begins like the save root', guard: 'whole-segments', folder: ({ save }) => `${save}2` },
  { id: 'save-through-file', what: 'a folder below a file', guard: 'save-in-folders', folder: (place) => join(place.write('save/file', 'x'), 'new'), code: 'INVALID_ARGUMENT' },
  { id: 'save-nul', what: 'NUL', guard: 'nul', folder: 'a\0b', code: 'INVALID_ARGUMENT' },
  { id: 'save-long', what: 'a name of 300 characters, which no disk takes', guard: 'save-folder-made', folder: 'L'.repeat(300) },
  { id: 'save-endless', what: 'a path of half a million folders', guard: 'longest-path', folder: 'b/'.repeat(500_000), code: 'INVALID_ARGUMENT' },
];

const NAMES: Readonly<Record<string, [string, string]>> = {
  'basename-parent': ['a way out', '../../outside/new'],
  'basename-absolute': ['an absolute path', '/etc/new'],
  'basename-hidden': ['a dot at its beginning', '.profile'],
  'basename-nul': ['NUL', 'cat\0'],
  'basename-turned': ['a name that reads backwards', 'cat\u202Egnp'],
  'basename-line': ['two lines', 'cat\ndog'],
  'basename-windows': ['a drive of Windows', 'C:cat'],
  'basename-long': ['300 characters', 'c'.repeat(300)],
};

/** Nothing was written beside the save folder. */
function stayedInside(_seen: unknown, { outside, folder }: Place): string | undefined {
  const stray = [...readdirSync(outside), ...readdirSync(folder)].filter((name) => name.endsWith('.png') && name !== 'secret.png');
  return stray.length === 0 ? undefined : `${stray.join()} was written outside`;
}

export const SAVING_CASES: readonly HostileCase<GuardId>[] = [
  ...FOLDERS.map(
    ({ id, what, guard, folder, code = 'PERMISSION_DENIED' }): HostileCase<GuardId> => ({
      id,
      what: `save_dir: ${what}`,
      where: 'save_dir',
      guard,
      make: (place) => ({ door: 'call', kind: 'image_generate', args: { save_dir: typeof folder === 'string' ? folder : folder(place) } }),
      code,
      look: (_seen, { outside }) => (existsSync(join(outside, 'new')) ? 'the folder was made' : undefined),
    }),
  ),
  ...Object.entries(NAMES).map(
    ([id, [what, basename]]): HostileCase<GuardId> => ({
      id,
      what: `basename: ${what}`,
      where: 'basename',
      guard: 'plain-basename',
      make: () => ({ door: 'call', kind: 'image_generate', args: { basename } }),
      code: 'INVALID_ARGUMENT',
    }),
  ),
  {
    id: 'job-id-way-out',
    what: 'a job_id that is a way out of the save folder',
    where: 'job_id',
    guard: 'job-id-is-no-path',
    make: () => ({ door: 'output', jobId: '/../../outside/job', bytes: CAT }),
    look: stayedInside,
  },
  {
    id: 'media-type-way-out',
    what: 'a media type of a provider that is a way out of the save folder',
    where: 'output',
    guard: 'known-extension',
    make: () => ({ door: 'output', mimeType: 'image/../../outside', bytes: CAT }),
    look: (_seen, { save }) => (readdirSync(save).every((name) => name.endsWith('.bin')) ? undefined : `saved as ${readdirSync(save).join()}`),
  },
  {
    id: 'folder-became-a-file',
    what: 'a save folder that has become a file',
    where: 'output',
    guard: 'disk-faults',
    make: () => ({
      door: 'output',
      basename: 'nowhere',
      bytes: CAT,
      before(folder) {
        rmSync(folder, { recursive: true });
        writeFileSync(folder, 'not ours');
      },
    }),
    code: 'STORE_UNAVAILABLE',
  },
  {
    id: 'file-in-the-way',
    what: 'a file of somebody else under the name of a picture',
    where: 'output',
    guard: 'never-over-a-file',
    make: () => ({ door: 'output', basename: 'taken', bytes: CAT, before: (folder, name) => writeFileSync(join(folder, name), 'not ours') }),
    look: ({ bytes }) => (bytes.toString() === 'not ours' ? undefined : 'it was written over'),
  },
  {
    id: 'partial-file-in-the-way',
    what: 'a file of somebody else under the plain name of an unfinished picture',
    where: 'output',
    guard: 'partial-is-new',
    make: () => ({ door: 'output', basename: 'partly', bytes: CAT, before: (folder, name) => writeFileSync(join(folder, `.${name}.partial`), 'not ours') }),
    look(_seen, { save }) {
      const kept = readdirSync(save).find((name) => name.endsWith('.partial'));
      return kept !== undefined && readFileSync(join(save, kept), 'utf8') === 'not ours' ? undefined : 'it was written over';
    },
  },
];
