import { randomBytes } from 'node:crypto';
import { faultSchema, type Fault } from './faults.js';
import { largePicture, picture } from './pictures.js';
import type { ReceivedImage, ReceivedRequest } from './wire.js';

export interface Settings {
  /** The poll that finds the picture ready: 1 is the first. Ignored with complete_after_ms. */
  complete_after_polls: number;
  /** Instead: time from the acceptance to the picture; also how long a synchronous request takes. */
  complete_after_ms?: number;
  /** After the picture was ready, polls find nothing any more. */
  result_life_ms?: number;
  /** false: a gateway that refuses background mode. */
  background_supported: boolean;
  /** Smaller references are refused. */
  minimum_edge: number;
  /** Every submit is answered at once with these bytes (base64). */
  ready_made?: string;
  /** Accepted keys; absent: any. */
  keys?: string[];
}

/** One accepted, billed generation. */
export interface LedgerEntry {
  id: string;
  at: number;
  key: string;
  attempt?: string;
  job_id?: string;
  item?: string;
  prompt: string;
  background: boolean;
  images: ReceivedImage[];
  mask?: ReceivedImage;
}

export interface Ledger {
  total: number;
  by_key: Record<string, number>;
  by_attempt: Record<string, number>;
  by_prompt: Record<string, number>;
  entries: LedgerEntry[];
}

type Status = 'queued' | 'in_progress' | 'completed' | 'failed' | 'incomplete' | 'cancelled';

interface Generation {
  entry: LedgerEntry;
  received: ReceivedRequest;
  outcome?: Fault;
  status: Status;
  polls: number;
  endedAt?: number;
  expired: boolean;
}

/** All that was accepted, and how far each has come. */
export class Generations {
  readonly #all = new Map<string, Generation>();
  readonly #settings: Settings;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** Accepts and bills. */
  accept(received: ReceivedRequest, key: string, fault: Fault | undefined): string {
    const id = `resp_${randomBytes(24).toString('hex')}`;
    const { request, prompt, images, mask } = received;
    const background = request.background === true;
    const { ready_made: image_base64 } = this.#settings;
    const outcome = image_base64 === undefined ? fault : faultSchema.parse({ kind: 'image', image_base64 });
    const { attempt, job_id, item } = request.metadata ?? {};
    const entry = { id, at: Date.now(), key, attempt, job_id, item, prompt, background, images, mask };
    const generation: Generation = { entry, received, outcome, status: 'queued', polls: 0, expired: false };
    this.#all.set(id, generation);
    if (outcome?.kind === 'done_at_once' || image_base64 !== undefined) end(generation);
    return id;
  }

  /** A poll of the key's own response, which may move it on; undefined: 404. */
  async poll(id: string, key: string): Promise<unknown> {
    const generation = this.#owned(id, key);
    if (!generation) return undefined;
    generation.polls += 1;
    if (generation.outcome?.kind === 'hidden' && generation.polls <= (generation.outcome.polls ?? 1)) return undefined;
    this.#move(generation);
    return this.#gone(generation) ? undefined : render(generation);
  }

  /** The response of a synchronous request, ended. */
  async finish(id: string): Promise<unknown> {
    const generation = this.#all.get(id);
    if (!generation) return undefined;
    end(generation);
    return render(generation);
  }

  /** As it is now, without moving it. */
  async show(id: string): Promise<unknown> {
    const generation = this.#all.get(id);
    return generation && render(generation);
  }

  /** undefined: 404; 'foreground': only background responses can be cancelled. Idempotent. */
  async cancel(id: string, key: string): Promise<unknown> {
    const generation = this.#owned(id, key);
    if (!generation || this.#gone(generation)) return undefined;
    if (!generation.entry.background) return 'foreground';
    if (generation.status === 'queued' || generation.status === 'in_progress') end(generation, 'cancelled');
    return render(generation);
  }

  /** Forgets results: all, or one. */
  expire(id?: string): void {
    for (const generation of this.#all.values()) {
      if (id === undefined || generation.entry.id === id) generation.expired = true;
    }
  }

  statuses(): { id: string; status: string; polls: number; prompt: string }[] {
    return [...this.#all.values()].map(({ entry, status, polls }) => ({ id: entry.id, status, polls, prompt: entry.prompt }));
  }

  ledger(): Ledger {
    const entries = [...this.#all.values()].map(({ entry }) => ({ ...entry }));
    const count = (of: (entry: LedgerEntry) => string | undefined): Record<string, number> => {
      const counts: Record<string, number> = {};
      for (const name of entries.map(of)) if (name !== undefined) counts[name] = (counts[name] ?? 0) + 1;
      return counts;
    };
    return {
      total: entries.length,
      by_key: count((entry) => entry.key),
      by_attempt: count((entry) => entry.attempt),
      by_prompt: count((entry) => entry.prompt),
      entries,
    };
  }

  prompt(id: string): string | undefined {
    return this.#all.get(id)?.entry.prompt;
  }

  clear(): void {
    this.#all.clear();
  }

  #owned(id: string, key: string): Generation | undefined {
    const generation = this.#all.get(id);
    return generation?.entry.key === key ? generation : undefined;
  }

  #move(generation: Generation): void {
    if (generation.endedAt !== undefined) return;
    const { complete_after_ms: afterMs, complete_after_polls: afterPolls } = this.#settings;
    const ready = afterMs === undefined ? generation.polls >= afterPolls : Date.now() - generation.entry.at >= afterMs;
    if (ready && generation.outcome?.kind !== 'never_done') end(generation);
    else generation.status = 'in_progress';
  }

  #gone({ outcome, expired, endedAt }: Generation): boolean {
    const life = this.#settings.result_life_ms;
    const over = life !== undefined && endedAt !== undefined && Date.now() - endedAt >= life;
    return expired || over || (outcome?.kind === 'expires' && endedAt !== undefined);
  }
}

function end(generation: Generation, as?: Status): void {
  const { kind } = generation.outcome ?? {};
  generation.status = as ?? (kind === 'failed' ? 'failed' : kind === 'incomplete' ? 'incomplete' : 'completed');
  generation.endedAt = Date.now();
}

/** The Response object, with the fields of real replies. */
async function render({ entry, received, outcome, status, endedAt }: Generation): Promise<unknown> {
  const { request } = received;
  const output = status === 'completed' ? [await outputItem(entry, received, outcome)].flat() : [];
  return {
    id: entry.id,
    object: 'response',
    created_at: Math.floor(entry.at / 1000),
    status,
    background: entry.background,
    completed_at: endedAt === undefined ? null : Math.floor(endedAt / 1000),
    error:
      status === 'failed'
        ? { code: outcome?.code ?? 'server_error', message: outcome?.message ?? 'The server had an error while processing your request.' }
        : null,
    incomplete_details: status === 'incomplete' ? { reason: outcome?.reason ?? 'content_filter' } : null,
    instructions: null,
    max_tool_calls: request.max_tool_calls ?? null,
    metadata: request.metadata ?? {},
    model: request.model,
    output,
    parallel_tool_calls: true,
    store: request.store ?? true,
    tool_choice: request.tool_choice,
    tools: request.tools.map(({ input_image_mask: _mask, ...tool }) => tool),
    ...(status === 'completed' && {
      tool_usage: { image_gen: { input_tokens: 40, output_tokens: 1568, total_tokens: 1608, output_tokens_details: { image_tokens: 1568 } } },
    }),
    usage: status === 'completed' ? { input_tokens: 60, output_tokens: 20, total_tokens: 80 } : null,
    user: null,
  };
}

async function outputItem(entry: LedgerEntry, received: ReceivedRequest, outcome: Fault | undefined): Promise<unknown> {
  if (outcome?.kind === 'empty') return [];
  if (outcome?.kind === 'refusal') {
    return {
      id: `msg_${entry.id.slice(5)}`,
      type: 'message',
      role: 'assistant',
      status: 'completed',
      content: [{ type: 'output_text', annotations: [], text: outcome.message ?? 'I cannot make this picture.' }],
    };
  }
  const tool = received.request.tools[0];
  return {
    id: `ig_${entry.id.slice(5)}`,
    type: 'image_generation_call',
    status: outcome?.kind === 'item_generating' ? 'generating' : 'completed',
    action: tool?.action === 'edit' ? 'edit' : 'generate',
    background: tool?.background ?? 'opaque',
    output_format: tool?.output_format ?? 'png',
    quality: tool?.quality ?? 'medium',
    size: tool?.size ?? '1024x1024',
    revised_prompt: `${received.prompt.slice(0, 200)}, in detail`,
    result: await resultOf(entry, received, outcome),
  };
}

async function resultOf(entry: LedgerEntry, received: ReceivedRequest, outcome: Fault | undefined): Promise<string> {
  if (outcome?.kind === 'image' && outcome.image_base64 !== undefined) return outcome.image_base64;
  if (outcome?.kind === 'large_image') return (await largePicture(outcome.bytes ?? 20_000_000)).toString('base64');
  const tool = received.request.tools[0];
  return (await picture(`${entry.prompt}\n${entry.item ?? ''}`, tool?.size, tool?.output_format)).toString('base64');
}
