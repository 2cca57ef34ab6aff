import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';

/** Of the system, with everything below. */
const SYSTEM = [
  '/bin', '/boot', '/dev', '/etc', '/lib', '/lib32', '/lib64', '/nix', '/proc', '/run', '/sbin', '/snap', '/sys', '/usr',
  '/Applications', '/Library', '/System', '/private/etc',
];

/** Wide: what lies below may be somebody's project, the folder itself is no place to work in. */
const WIDE = ['/home', '/Users', '/media', '/mnt', '/opt', '/private', '/private/var', '/srv', '/var', '/var/lib', '/Volumes'];

/** Whether a working folder says nothing about what its user works on: a drive root, a system folder, or home or a parent of it. */
export function isWideOrSystemFolder(folder: string, home: string): boolean {
  const path = resolve(folder);
  if (dirname(path) === path || WIDE.includes(path) || contains(path, home)) return true;
  const system = process.platform === 'win32' ? windowsFolders() : SYSTEM;
  return system.some((place) => contains(place, path));
}

function windowsFolders(): string[] {
  const { SystemRoot, ProgramFiles, ProgramData } = process.env;
  return [SystemRoot, ProgramFiles, ProgramData, process.env['ProgramFiles(x86)']].filter((place) => place !== undefined);
}

/** Containment by whole segments: /home/user2 is not inside /home/user. Both absolute. */
export function contains(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}
