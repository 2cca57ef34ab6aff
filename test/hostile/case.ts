import type { ErrorCode } from '../../src/contract/errors.js';
import type { JobInput } from '../../src/contract/input.js';
import type { JobKind } from '../../src/contract/names.js';
import type { Interruption } from './run/interrupt.js';

/** The words of the table: what is hostile, which guard meets it, through which door it comes and what must become of it. */

/** What carries the hostile thing. */
export type Where =
  | 'image_path'
  | 'image_paths'
  | 'mask_path'
  | 'save_dir'
  | 'basename'
  | 'arguments'
  | 'data:'
  | 'https://'
  | 'image://'
  | 'program input'
  | 'settings'
  | 'job_id'
  | 'output';

/** A folder of a case's own; what it holds at the beginning is in run/place.ts. */
export interface Place {
  folder: string;
  /** The only folder that references may be read from, and the working folder, unless the attempt says otherwise. */
  root: string;
  outside: string;
  /** The save root. */
  save: string;
  home: string;
  /** Writes a file below the folder and gives its path. */
  write(name: string, bytes: Buffer | string): string;
  /** Makes a symbolic link below the folder and gives its path. */
  link(name: string, target: string): string;
  remove(name: string): void;
  rename(from: string, to: string): void;
}

/** A call of a job tool, up to the moment in which the job would be started. */
export interface CallAttempt {
  door: 'call';
  /** image_edit where it is left out. */
  kind?: JobKind;
  /** `prompt` and `provider` are added. */
  args: unknown;
  settings?: Record<string, string>;
  cwd?: string;
  home?: string;
  clientRoots?: string[];
  platform?: NodeJS.Platform;
  meanwhile?: Interruption[];
}

/** A job's input as any program may write it, up to the plan: the worker's first activity. */
export interface JobAttempt {
  door: 'job';
  input: unknown;
  jobId?: string;
  settings?: Record<string, string>;
  /** Stored before; `blob()` of run/doors.ts names them in the input. */
  blobs?: Buffer[];
  decoder?: { concurrency: number; timeoutSeconds?: number };
  /** Prepares what lies in the worker's data folder. */
  before?: (dataFolder: string) => void;
}

/** A URL as the worker fetches it, in a network of run/network.ts. */
export interface DownloadAttempt {
  door: 'download';
  url: string;
  /** IMAGE_ALLOW_PRIVATE_REFERENCE_URLS=1. */
  allowPrivate?: boolean;
  /** Answers of the name service, one for each time that it is asked; the last one stays. */
  answers?: string[][];
}

/** A picture of a provider on its way to an ordinary file, thumbnail and preview. */
export interface OutputAttempt {
  door: 'output';
  jobId?: string;
  basename?: string;
  bytes: Buffer;
  mimeType?: string;
  before?: (folder: string, name: string) => void;
}

export type Attempt = CallAttempt | JobAttempt | DownloadAttempt | OutputAttempt;

/** What could be seen of an attempt. */
export interface Seen {
  /** As stored, of the first reference; what was downloaded; what was exported. */
  bytes: Buffer;
  /** Of a mask as stored, of a thumbnail. */
  second: Buffer;
  warnings: string[];
  /** As the call would send it. */
  input: JobInput | undefined;
  /** Addresses that were connected to, in order. */
  connections: string[];
  /** Files of the place that were opened, in order. */
  opened: string[];
  /** By which the memory of the process grew meanwhile. */
  grownMegabytes: number;
  /** Pictures that the decoder had in hand at a time. */
  decodedAtOnce: number;
}

interface Common {
  id: string;
  what: string;
  where: Where;
  /** The attempt; it may prepare what it needs in its place. */
  make(place: Place): Attempt | Promise<Attempt>;
}

/** What is wrong with what was seen; nothing when all is well. */
export type Look = (seen: Seen, place: Place) => string | undefined | Promise<string | undefined>;

/** Must be refused with this code; `says` where the code has several reasons, `look` where more than the answer counts. */
export interface Refused<Id extends string> extends Common {
  guard: Id;
  code: ErrorCode;
  says?: RegExp;
  look?: Look;
}

/** Is taken, and must have been cleaned. */
export interface Cleaned<Id extends string> extends Common {
  guard: Id;
  look: Look;
}

export type HostileCase<Id extends string = string> = Refused<Id> | Cleaned<Id>;

/** One guard of the product, and the change of its text that switches it off. */
export interface Guard {
  id: string;
  what: string;
  /** What it keeps from the caller is a fault of the system's own. */
  keepsFaults?: true;
  /** More than one where another guard stands behind it. */
  off: readonly [Edit, ...Edit[]];
}

export interface Edit {
  /** Below src. */
  file: string;
  /** Stands there exactly once. */
  find: string;
  replace: string;
}

/** What a case must end with. */
export function expected(hostile: HostileCase): string {
  return 'code' in hostile ? hostile.code : ACCEPTED;
}

export const ACCEPTED = 'accepted';
