import type { Guard } from '../case.js';

const ROOTS = 'references/roots.ts';
const FOLDERS = 'references/folders.ts';
const LOCAL = 'references/local-file.ts';
const WIDE = 'if (dirname(path) === path || WIDE.includes(path) || contains(path, home)) return true;';
const INSIDE = 'if (!target || !folders.some((folder) => contains(folder, target.path))) {';
const SAVE_INSIDE = 'if (!target || !allowed.some((folder) => contains(folder, target.path))) {';
const FIRST_LOOK = 'if (!(await reading(given, lstat(path))).isFile()) throw notRegular(given);';
const SECOND_LOOK = 'if (!opened.isFile()) throw notRegular(given);';
const SAME_FILE = 'if (named.dev !== opened.dev || named.ino !== opened.ino) throw changed(given);';

/** Guards of local paths: where a reference may lie, what it may be, where pictures go. */
export const PATH_GUARDS = [
  {
    id: 'inside-roots',
    what: 'a reference lies inside the roots',
    off: [{ file: ROOTS, find: INSIDE, replace: 'if (!target) {' }],
  },
  {
    id: 'whole-segments',
    what: 'folders are compared by whole names, as they are written',
    off: [
      {
        file: FOLDERS,
        find: "return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);",
        replace: 'return path.toLowerCase().startsWith(folder.toLowerCase());',
      },
    ],
  },
  {
    id: 'real-path',
    what: 'the place of a file is where its links end',
    off: [{ file: ROOTS, find: 'const nearest = await realpath(current);', replace: 'const nearest = (await stat(current), current);' }],
  },
  {
    id: 'dangling-link',
    what: 'a link to nothing leads nowhere',
    off: [{ file: ROOTS, find: 'if (await isLink(current)) return undefined;', replace: '' }],
  },
  {
    id: 'verbatim-names',
    what: 'the characters of a path are taken as they are',
    off: [
      {
        file: ROOTS,
        find: ': expandHome(given);',
        replace:
          ": expandHome(decodeURIComponent(given).normalize('NFKC').replace(/[\\u2215\\u2044\\\\]/g, '/').replace(/\\p{Cf}/gu, '').replace(/(\\.+|::\\$DATA)$/, ''));",
      },
    ],
  },
  {
    id: 'own-home',
    what: '~ is the own home folder, ~name nothing',
    off: [{ file: 'config.ts', find: "return path.startsWith('~/') ? join(homedir(), path.slice(2)) : path;", replace: 'return path.replace(/^~[^/]*/, homedir());' }],
  },
  {
    id: 'file-url-host',
    what: 'a file URL names no other host',
    off: [
      { file: ROOTS, find: "if (url.hostname !== '') throw invalid(", replace: 'if (false) throw invalid(' },
      { file: ROOTS, find: 'return fileURLToPath(url);', replace: 'return decodeURIComponent(url.pathname);' },
    ],
  },
  {
    id: 'file-url-slash',
    what: 'an encoded slash of a file URL is none of a path',
    off: [{ file: ROOTS, find: 'return fileURLToPath(url);', replace: 'return decodeURIComponent(url.pathname);' }],
  },
  {
    id: 'file-url-is-one',
    what: 'a file URL that is none is refused',
    off: [{ file: ROOTS, find: 'throw invalid(`${shown(given)} is not a valid file:// URL.`);', replace: "return 'cat.png';" }],
  },
  {
    id: 'nul',
    what: 'a path has no NUL',
    off: [{ file: ROOTS, find: "if (path.includes('\\0')) {", replace: 'if (false) {' }],
  },
  {
    id: 'network-path',
    what: 'on Windows no path names another machine or a device',
    off: [{ file: ROOTS, find: "if (process.platform === 'win32' && /^[\\\\/]{2}/.test(path)) {", replace: 'if (false) {' }],
  },
  {
    id: 'longest-path',
    what: 'a path has an end',
    off: [{ file: ROOTS, find: 'if (given.length > LONGEST_PATH) throw', replace: 'if (false) throw' }],
  },
  {
    id: 'visible-text',
    what: 'text of others is shown without hidden characters, and cut',
    off: [{ file: 'references/shown.ts', find: "const visible = text.replace(INVISIBLE, '\\u{FFFD}');", replace: 'return text;' }],
  },
  {
    id: 'working-folder-root',
    what: 'a drive root as the working folder opens nothing',
    off: [{ file: FOLDERS, find: WIDE, replace: 'if (WIDE.includes(path)) return true;' }],
  },
  {
    id: 'working-folder-system',
    what: 'a folder of the system as the working folder opens nothing',
    off: [{ file: FOLDERS, find: 'return system.some((place) => contains(place, path));', replace: 'return false;' }],
  },
  {
    id: 'working-folder-wide',
    what: 'a wide folder as the working folder opens nothing',
    off: [{ file: FOLDERS, find: 'WIDE.includes(path) || ', replace: '' }],
  },
  {
    id: 'working-folder-homes',
    what: 'a parent of home as the working folder opens nothing',
    off: [{ file: FOLDERS, find: ' || contains(path, home)) return true;', replace: ') return true;' }],
  },
  {
    id: 'home-is-no-root',
    what: 'a home that is the drive root opens nothing',
    off: [{ file: ROOTS, find: 'if (dirname(home) !== home) folders.push(home);', replace: 'folders.push(home);' }],
  },
  {
    id: 'setting-is-all',
    what: 'the roots of the setting are all there are',
    off: [{ file: ROOTS, find: '{ folders: given.map((folder) => resolve(cwd, expandHome(folder.trim()))), cwd };', replace: '{ folders: [...given.map((folder) => resolve(cwd, expandHome(folder.trim()))), home], cwd };' }],
  },
  {
    id: 'no-empty-root',
    what: 'an empty entry of the setting opens nothing',
    off: [{ file: ROOTS, find: ".filter((folder) => folder.trim() !== '')", replace: '' }],
  },
  {
    id: 'client-roots-are-folders',
    what: 'a root of the client that is no absolute folder opens nothing',
    off: [{ file: ROOTS, find: 'return isAbsolute(folder) ? [folder] : [];', replace: 'return [resolve(folder)];' }],
  },
  {
    id: 'client-roots-are-here',
    what: 'a root of the client on another machine opens nothing',
    off: [{ file: ROOTS, find: '} catch {\n      return [];', replace: '} catch {\n      return [new URL(root).pathname];' }],
  },
  {
    id: 'ordinary-file',
    what: 'only ordinary files are read',
    off: [
      { file: LOCAL, find: FIRST_LOOK, replace: '' },
      { file: LOCAL, find: SECOND_LOOK, replace: '' },
    ],
  },
  { id: 'look-before-open', what: 'only ordinary files are opened', off: [{ file: LOCAL, find: FIRST_LOOK, replace: '' }] },
  { id: 'look-after-open', what: 'what was opened is looked at again', off: [{ file: LOCAL, find: SECOND_LOOK, replace: '' }] },
  { id: 'opens-without-waiting', what: 'opening waits for nobody', off: [{ file: LOCAL, find: ' | constants.O_NONBLOCK', replace: '' }] },
  {
    id: 'no-link-at-the-end',
    what: 'a file that became a link is not followed',
    off: [
      { file: LOCAL, find: ' | constants.O_NOFOLLOW', replace: '' },
      { file: LOCAL, find: SAME_FILE, replace: '' },
    ],
  },
  { id: 'same-file', what: 'the file that was opened is the one that the path still names', off: [{ file: LOCAL, find: SAME_FILE, replace: '' }] },
  {
    id: 'inside-when-opened',
    what: 'the path is inside the roots when it is open, too',
    off: [{ file: LOCAL, find: 'stat(await resolveInsideRoots(path, roots), { bigint: true })', replace: 'stat(path, { bigint: true })' }],
  },
  { id: 'whole-file', what: 'a file that changes while it is read is refused', off: [{ file: LOCAL, find: 'if (filled !== size) throw changed(given);', replace: '' }] },
  {
    id: 'file-size',
    what: 'a file is not larger than a reference may be',
    off: [
      { file: LOCAL, find: 'refuseTooManyBytes(Number(opened.size), maxBytes);', replace: '' },
      { file: 'references/inspect.ts', find: 'refuseTooManyBytes(bytes.length, limits.bytes);', replace: '' },
    ],
  },
  { id: 'size-before-memory', what: 'the size of a file is known before memory is taken for it', keepsFaults: true, off: [{ file: LOCAL, find: 'refuseTooManyBytes(Number(opened.size), maxBytes);', replace: '' }] },
  { id: 'size-together', what: 'the references of a job have a size together', off: [{ file: 'references/snapshot.ts', find: 'if (totalBytes <= LIMITS.referencesBytes) return;', replace: 'return;' }] },
  {
    id: 'save-inside',
    what: 'pictures are saved inside the save root',
    off: [{ file: ROOTS, find: SAVE_INSIDE, replace: 'if (!target) {' }],
  },
  { id: 'save-in-folders', what: 'a file is no folder for pictures', off: [{ file: ROOTS, find: 'if (!(await stat(target.nearest)).isDirectory()) {', replace: 'if (false) {' }] },
  {
    id: 'save-folder-made',
    what: 'a folder that cannot be made is refused before anything is paid',
    off: [{ file: 'client/start-job.ts', find: 'if (saveDir !== undefined) await madeOrRefused(saveDir);', replace: '' }],
  },
  { id: 'sealed-folder', what: 'only a client of this data folder may name a folder in the frozen part', off: [{ file: 'client/seal.ts', find: 'return given.length === expected.length && timingSafeEqual(given, expected);', replace: 'return timingSafeEqual(expected, expected) && given.length > 0;' }] },
  { id: 'job-id-is-no-path', what: 'no part of a job_id goes into the name of a file', off: [{ file: 'images/export-image.ts', find: '${sha256(jobId).slice(0, 8)}', replace: '${jobId}' }] },
  { id: 'known-extension', what: 'the extension of a saved picture is one of four, or bin', off: [{ file: 'images/export-image.ts', find: "const extension = EXTENSIONS[image.mime_type] ?? 'bin';", replace: "const extension = image.mime_type.split('/')[1] ?? 'bin';" }] },
  { id: 'disk-faults', what: 'a fault of the disk is told as such', keepsFaults: true, off: [{ file: 'images/export-image.ts', find: 'if (error instanceof JobFailure) throw error;', replace: 'throw error;' }] },
  { id: 'never-over-a-file', what: 'a file that is there is not written over', off: [{ file: 'images/export-image.ts', find: 'if (await exists(path)) return path;', replace: 'await unlink(path).catch(() => undefined);' }] },
  {
    id: 'partial-is-new',
    what: 'the partial file is a new one of its own',
    off: [{ file: 'images/export-image.ts', find: '`.${name}.${WRITER}-${randomBytes(4).toString(\'hex\')}.partial`', replace: '`.${name}.partial`' }, { file: 'images/export-image.ts', find: 'constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL', replace: 'constants.O_WRONLY | constants.O_CREAT' }],
  },
  { id: 'manifest-is-no-path', what: 'no part of a job_id goes into the place of its record', off: [{ file: 'blobs/manifests.ts', find: 'return `${PREFIX}${sha256(jobId)}.json`;', replace: 'return `${PREFIX}${jobId}.json`;' }, { file: 'blobs/keys.ts', find: "if (!wellFormed || RESERVED.has(segments[0] ?? '')) throw", replace: 'if (wellFormed && segments.length > 99) throw' }] },
] as const satisfies readonly Guard[];
