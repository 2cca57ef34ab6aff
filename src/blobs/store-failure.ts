import { JobFailure } from '../contract/errors.js';

/** An error of the operating system; told by its fields, since such errors may come from another realm. */
export function errnoOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('syscall' in error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

interface Explanation {
  what: string;
  remedy: string;
}

const NO_SPACE: Explanation = { what: 'has no space left', remedy: 'Free some space there' };
const NO_ACCESS: Explanation = { what: 'cannot be accessed by this user', remedy: 'Give the user of this process read and write access to it' };
const MISSING: Explanation = {
  what: 'is missing or not complete',
  remedy: 'Mount or restore it, or correct IMAGE_BLOB_STORE',
};
const EXPLANATIONS: Readonly<Record<string, Explanation>> = {
  ENOSPC: NO_SPACE,
  EDQUOT: NO_SPACE,
  EACCES: NO_ACCESS,
  EPERM: { what: 'does not allow this operation', remedy: 'Use a file system with links and give this user access to it' },
  EROFS: { what: 'is read-only', remedy: 'Mount it writable' },
  EIO: { what: 'has an input/output error', remedy: 'Check the disk' },
  ENOENT: MISSING,
  ENOTDIR: MISSING,
  EMFILE: { what: 'cannot be read because too many files are open', remedy: 'Raise the limit of open files' },
};

/** A failure of the medium as STORE_UNAVAILABLE, retryable; every other error as it is. */
export function storeFailure(error: unknown, root: string): unknown {
  const code = errnoOf(error);
  if (code === undefined) return error;
  const { what, remedy } = EXPLANATIONS[code] ?? { what: 'failed', remedy: 'Check the disk and the folder' };
  return unavailable(`The blob store ${root} ${what} (${code}).`, `${remedy}; jobs go on by themselves afterwards.`, error);
}

/** STORE_UNAVAILABLE with the words of the caller. */
export function unavailable(message: string, nextStep: string, cause?: unknown): JobFailure {
  return new JobFailure({ code: 'STORE_UNAVAILABLE', message, nextStep, retryable: true, cause });
}
