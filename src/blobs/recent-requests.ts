import * as z from 'zod';
import type { BlobStore } from './blob-store.js';
import { readNote, toBytes } from './json-documents.js';

const PREFIX = 'requests/';
/** Of one request; more of the same at once are told by the latest of them. */
const MOST = 4;
const KEPT_DAYS = 30;
const DAY_MS = 24 * 3_600_000;

const noteSchema = z.object({ job_ids: z.array(z.string()) });

/**
 * Which jobs a request was started as last, by its digest, whatever process started them. Only a hint, for the warning that
 * an identical job still runs: it costs a submit one small read and one write that waits for no disk, however many jobs there
 * are, and whatever goes wrong with it goes wrong in silence.
 */
export class RecentRequests {
  constructor(private readonly store: BlobStore) {}

  /** The latest first. */
  async jobsOf(digest: string): Promise<string[]> {
    try {
      return (await readNote(this.store, keyOf(digest), noteSchema))?.job_ids ?? [];
    } catch {
      return [];
    }
  }

  async note(digest: string, jobIds: readonly string[]): Promise<void> {
    try {
      await this.store.putNote(keyOf(digest), toBytes({ job_ids: jobIds.slice(0, MOST) }, noteSchema));
    } catch {
      // The warning is missing then.
    }
  }

  /** Of the notes that nobody renewed for so long hardly any names a job that still runs. */
  async sweep(now: Date): Promise<void> {
    await this.store.sweepNotes(PREFIX, new Date(now.getTime() - KEPT_DAYS * DAY_MS));
  }
}

function keyOf(digest: string): string {
  return `${PREFIX}${digest}.json`;
}
