import { randomUUID } from 'node:crypto';
import { picture } from '../fake-openai/pictures.js';
import type { Fault } from './faults.js';

/** What a fake reads out of a submit, whatever the provider's form. */
export interface Received {
  prompt: string;
  /** Pictures asked for by one request. */
  n: number;
  /** WxH of the pictures that are painted; 64x64 where the provider has other words. */
  size?: string | undefined;
  format?: string | undefined;
  /** What marks our attempt in the request, where the provider has such a thing. */
  attempt?: string | undefined;
  /** The request as it came, data shortened; for tests that look at it. */
  body: Record<string, unknown>;
}

export type TaskState = 'queued' | 'running' | 'done' | 'failed' | 'cancelled';

/** One accepted, billed request. */
export interface Task {
  id: string;
  at: number;
  key: string;
  received: Received;
  outcome?: Fault | undefined;
  state: TaskState;
  polls: number;
  endedAt?: number;
  expired: boolean;
}

export interface Progress {
  /** The poll that finds the picture ready: 1 is the first. Ignored with complete_after_ms. */
  complete_after_polls: number;
  /** Instead: time from the acceptance to the picture; also how long a synchronous request takes. */
  complete_after_ms?: number | undefined;
  /** After the picture was ready it is gone. */
  result_life_ms?: number | undefined;
}

export interface Ledger {
  total: number;
  by_prompt: Record<string, number>;
  by_key: Record<string, number>;
  entries: { id: string; at: number; key: string; prompt: string; attempt?: string | undefined }[];
}

/** All that was accepted, and how far each has come. */
export class Tasks {
  readonly #all = new Map<string, Task>();

  constructor(private readonly progress: Progress) {}

  /** Accepts and bills. `id`: where the provider's ids have a form of their own. */
  accept(received: Received, key: string, outcome: Fault | undefined, id: string = randomUUID()): Task {
    const task: Task = { id, at: Date.now(), key, received, outcome, state: 'queued', polls: 0, expired: false };
    this.#all.set(id, task);
    return task;
  }

  /** The key's own task; undefined when it is none, or its result is gone. */
  find(id: string, key: string | undefined): Task | undefined {
    const task = this.#all.get(id);
    return task && (key === undefined || task.key === key) && !this.#gone(task) ? task : undefined;
  }

  /** The key's own, even when its result is gone. */
  known(id: string, key: string): Task | undefined {
    const task = this.#all.get(id);
    return task?.key === key ? task : undefined;
  }

  all(): Task[] {
    return [...this.#all.values()];
  }

  /** A poll, which may move it on. */
  move(task: Task): void {
    task.polls += 1;
    if (task.endedAt !== undefined) return;
    const { complete_after_ms: afterMs, complete_after_polls: afterPolls } = this.progress;
    const ready = afterMs === undefined ? task.polls >= afterPolls : Date.now() - task.at >= afterMs;
    if (ready && task.outcome?.kind !== 'never_done') this.end(task);
    else task.state = 'running';
  }

  end(task: Task, state: TaskState = task.outcome?.kind === 'failed' ? 'failed' : 'done'): void {
    if (task.endedAt !== undefined) return;
    task.state = state;
    task.endedAt = Date.now();
  }

  expire(): void {
    for (const task of this.#all.values()) task.expired = true;
  }

  clear(): void {
    this.#all.clear();
  }

  ledger(): Ledger {
    const entries = this.all().map(({ id, at, key, received }) => ({ id, at, key, prompt: received.prompt, attempt: received.attempt }));
    const count = (of: (entry: (typeof entries)[number]) => string): Record<string, number> => {
      const counts: Record<string, number> = {};
      for (const name of entries.map(of)) counts[name] = (counts[name] ?? 0) + 1;
      return counts;
    };
    return { total: entries.length, by_prompt: count((entry) => entry.prompt), by_key: count((entry) => entry.key), entries };
  }

  #gone({ expired, endedAt, outcome }: Task): boolean {
    const life = this.progress.result_life_ms;
    return expired || (endedAt !== undefined && (outcome?.kind === 'expires' || (life !== undefined && Date.now() - endedAt >= life)));
  }
}

/** The pictures of a task, painted for it. */
export async function picturesOf({ id, received, outcome }: Task): Promise<Buffer[]> {
  if (outcome?.kind === 'empty') return [];
  if (outcome?.kind === 'image' && outcome.image_base64 !== undefined) return [Buffer.from(outcome.image_base64, 'base64')];
  const count = outcome?.kind === 'partial' ? Math.max(1, received.n - 1) : received.n;
  return Promise.all(Array.from({ length: count }, (_, index) => picture(`${id} ${index}`, received.size ?? '64x64', received.format)));
}
