import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { errnoOf } from '../blobs/store-failure.js';
import { JobFailure } from '../contract/errors.js';

const MAX_BYTES = 64 * 1024;

/**
 * The values of a credentials file in KEY=value form, or undefined when there is none. Keys lie in it, so it is refused
 * (PERMISSION_DENIED) unless it is a regular file of this user that nobody else may read or write. The checks look at
 * the opened file, not at its path, so it cannot be swapped between check and read.
 */
export async function readCredentialsFile(path: string): Promise<Record<string, string> | undefined> {
  let file;
  try {
    // Without O_NONBLOCK the open of a pipe would hang.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return undefined;
    throw refused(path, 'cannot be opened', `Make ${path} readable for you and only you: chmod 600 ${quoted(path)}`, error);
  }
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw refused(path, 'is not a regular file', 'Name a regular file in IMAGE_CREDENTIALS_FILE.');
    if (process.getuid && stats.uid !== process.getuid()) {
      throw refused(path, 'belongs to another user', 'Use a file of your own, readable only by you.');
    }
    if (process.platform !== 'win32' && (stats.mode & 0o077) !== 0) {
      throw refused(path, 'can be read or changed by other users', `Close it to them: chmod 600 ${quoted(path)}`);
    }
    if (stats.size > MAX_BYTES) throw refused(path, 'is larger than 64 KiB', 'Keep nothing but KEY=value lines in it.');
    return parseKeyValues(await file.readFile('utf8'), path);
  } finally {
    await file.close();
  }
}

/** KEY=value lines as in a .env file: `#` comments, `export `, and single or double quotes around a value. */
export function parseKeyValues(text: string, path: string): Record<string, string> {
  const values: Record<string, string> = {};
  for (const [index, raw] of text.replace(/^\uFEFF/, '').split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const match = /^(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*)$/.exec(line);
    const value = match?.[2] === undefined ? undefined : plainValue(match[2]);
    if (match?.[1] === undefined || value === undefined) {
      // The line itself is never quoted: it may hold a key.
      throw new JobFailure({
        code: 'INVALID_ARGUMENT',
        message: `Line ${index + 1} of the credentials file ${path} is not KEY=value.`,
        nextStep: 'Correct that line.',
      });
    }
    values[match[1]] = value;
  }
  return values;
}

/** A value without its quotes or its comment; undefined when a quote is left open or text follows it. */
function plainValue(text: string): string | undefined {
  const quote = text[0];
  if (quote !== '"' && quote !== "'") return text.replace(/(?:^|\s)#.*$/, '').trim();
  const end = text.indexOf(quote, 1);
  if (end < 0) return undefined;
  return /^\s*(?:#.*)?$/.test(text.slice(end + 1)) ? text.slice(1, end) : undefined;
}

function refused(path: string, why: string, nextStep: string, cause?: unknown): JobFailure {
  return new JobFailure({ code: 'PERMISSION_DENIED', message: `The credentials file ${path} ${why}; it was not read.`, nextStep, cause });
}

function quoted(path: string): string {
  return `'${path.replaceAll("'", `'\\''`)}'`;
}
