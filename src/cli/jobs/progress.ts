import type { JobRecord } from '../../contract/record.js';
import { ChangingLine } from '../line.js';
import { tell } from '../output.js';
import { plain } from '../plain.js';
import { elapsed } from '../units.js';

/** How jobs go, on stderr: on a terminal a bar that changes, in a log one line a change. */
export interface JobProgress {
  update(records: readonly JobRecord[]): void;
  /** Something else that a person should read; the same sentence twice in a row is told once. */
  note(text: string): void;
  end(): void;
}

const TICK_MS = 250;
const BAR_CELLS = 16;

export function followProgress(): JobProgress {
  return process.stderr.isTTY ? onTerminal() : inLog();
}

function onTerminal(): JobProgress {
  const line = new ChangingLine();
  const told = new Changes(worthTelling);
  let shown: readonly JobRecord[] = [];
  let since = Date.now();
  let noted = '';
  const draw = (): void => {
    if (shown.length > 0) line.show(barOf(shown, (Date.now() - since) / 1000));
  };
  // The seconds go on between two looks.
  const timer = setInterval(draw, TICK_MS);
  return {
    update(records) {
      for (const text of told.of(records)) line.note(text);
      shown = records;
      since = Date.now();
      draw();
    },
    note(text) {
      if (text !== noted) line.note(plain(text));
      noted = text;
    },
    end() {
      clearInterval(timer);
      line.end();
    },
  };
}

function inLog(): JobProgress {
  const told = new Changes(() => true);
  let noted = '';
  return {
    update(records) {
      for (const text of told.of(records)) tell(text);
    },
    note(text) {
      if (text !== noted) tell(plain(text));
      noted = text;
    },
    end() {},
  };
}

/** What has changed of jobs since the last look, a line each. */
class Changes {
  readonly #told = new Map<string, string>();
  readonly #isTold: (record: JobRecord) => boolean;

  constructor(isTold: (record: JobRecord) => boolean) {
    this.#isTold = isTold;
  }

  of(records: readonly JobRecord[]): string[] {
    return records.flatMap((record) => {
      const text = changeOf(record);
      // Times and attempts count on in a sentence that says the same.
      const key = `${record.progress?.completed} ${text.replace(/\d+/g, '#')}`;
      if (this.#told.get(record.job_id) === key) return [];
      this.#told.set(record.job_id, key);
      return this.#isTold(record) ? [text] : [];
    });
  }
}

/** Why it does not go on as it should; what a stage says anyway needs no sentence. */
function worthTelling({ status, stage, attempt }: JobRecord): boolean {
  return status === 'running' && (stage === 'waiting_for_worker' || stage === 'waiting_for_key' || stage === 'rate_limited' || attempt !== undefined);
}

/** "img-…: generating, 1 of 3", with the reason where it is held up. */
export function changeOf(record: JobRecord): string {
  const { job_id: jobId, progress } = record;
  const count = progress && progress.total > 1 ? `, ${progress.completed} of ${progress.total}` : '';
  const reason = worthTelling(record) ? `: ${record.message}` : '';
  return plain(`${jobId}: ${stageOf(record)}${count}${reason}`);
}

function stageOf({ status, stage }: JobRecord): string {
  return (status === 'running' ? stage : undefined)?.replaceAll('_', ' ') ?? status;
}

/** "[####------------] 1 of 4, generating, 12 s". Several jobs: how many have ended, and what the others do. */
export function barOf(records: readonly JobRecord[], secondsSince: number): string {
  const running = records.filter(({ done }) => !done);
  const [only] = records;
  const single = records.length === 1 ? only : undefined;
  const total = single ? (single.progress?.total ?? 1) : records.length;
  const completed = single && !single.done ? (single.progress?.completed ?? 0) : total - (single ? 0 : running.length);
  const filled = Math.round((completed / Math.max(total, 1)) * BAR_CELLS);
  const stages = [...new Set((running.length > 0 ? running : records).map(stageOf))].join(', ');
  const oldest = Math.max(...records.map(({ age_seconds: age }) => age ?? 0));
  const bar = `[${'#'.repeat(filled)}${'-'.repeat(BAR_CELLS - filled)}]`;
  return `${bar} ${completed} of ${total}, ${stages}, ${elapsed(oldest + secondsSince)}`;
}
