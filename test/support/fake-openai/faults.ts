import * as z from 'zod';

/** Faults of the reply to one request; those under "taken" come after the request was accepted and billed. */
export const REPLY_FAULTS = [
  // not taken
  'drop',
  'rate_limited',
  'quota',
  'unauthorized',
  'forbidden',
  'moderation',
  'background_refused',
  'server_error',
  'overloaded',
  'reply',
  // taken
  'reply_lost',
  'hang',
  'slow_body',
  'truncated_body',
  'unreadable',
  'no_id',
  'huge_body',
] as const;
export type ReplyFault = (typeof REPLY_FAULTS)[number];

/** What becomes of a generation that was accepted. */
export const OUTCOME_FAULTS = [
  'refusal',
  'empty',
  'failed',
  'incomplete',
  'image',
  'large_image',
  'item_generating',
  'expires',
  'never_done',
  'done_at_once',
  'hidden',
] as const;
export type OutcomeFault = (typeof OUTCOME_FAULTS)[number];

export const NOT_TAKEN: ReadonlySet<string> = new Set(REPLY_FAULTS.slice(0, REPLY_FAULTS.indexOf('reply_lost')));

export const faultSchema = z.strictObject({
  kind: z.enum([...REPLY_FAULTS, ...OUTCOME_FAULTS]),
  on: z.enum(['submit', 'poll', 'cancel']).default('submit'),
  /** How many requests it hits. */
  times: z.int().min(1).default(1),
  /** Only requests whose prompt contains this. */
  match: z.string().optional(),
  /** Of 'reply', 'server_error'. */
  status: z.int().min(100).max(599).optional(),
  /** Raw body of 'reply' and 'server_error'; `{key}` becomes the key of the request. Empty: no body. */
  body: z.string().optional(),
  headers: z.record(z.string(), z.string()).optional(),
  /** Of 'rate_limited' and 'overloaded': the header as it is sent, seconds or a date. */
  retry_after: z.string().optional(),
  /** Code and message of 'failed', 'moderation', 'background_refused'. */
  code: z.string().optional(),
  message: z.string().optional(),
  /** Of 'incomplete'. */
  reason: z.string().optional(),
  /** Of 'image': what is sent as `result`. */
  image_base64: z.string().optional(),
  /** Size of 'large_image' and 'huge_body'; polls that 'hidden' answers with 404. */
  bytes: z.int().min(1).optional(),
  polls: z.int().min(1).optional(),
  /** Between two pieces of 'slow_body'. */
  delay_ms: z.number().min(0).optional(),
});
export type Fault = z.infer<typeof faultSchema>;
export type FaultInput = z.input<typeof faultSchema>;

/** The two faults that one request may meet: of its reply and of its generation. */
export interface Met {
  reply?: Fault;
  outcome?: Fault;
}

/** Faults in the order in which they were ordered, each used up by the requests that it hits. */
export class FaultQueue {
  #faults: Fault[] = [];
  readonly #marked = new Map<string, number>();

  add(faults: readonly FaultInput[]): void {
    this.#faults.push(...faults.map((fault) => faultSchema.parse(fault)));
  }

  clear(): void {
    this.#faults = [];
    this.#marked.clear();
  }

  list(): Fault[] {
    return this.#faults.map((fault) => ({ ...fault }));
  }

  /** Takes what hits this request. A prompt that is not known yet (`undefined`) meets only faults without `match`. */
  take(on: Fault['on'], prompt: string | undefined): Met {
    const marked = prompt === undefined ? undefined : this.#marker(on, prompt);
    const met: Met = marked === undefined ? {} : { [isReply(marked) ? 'reply' : 'outcome']: marked };
    const hits = (fault: Fault): boolean =>
      fault.on === on && (fault.match === undefined || (prompt?.includes(fault.match) ?? false));
    met.reply ??= this.#use((fault) => hits(fault) && isReply(fault));
    met.outcome ??= this.#use((fault) => hits(fault) && !isReply(fault));
    return met;
  }

  /** The first 'drop' without `match`: it strikes before the body is read. */
  takeDrop(on: Fault['on']): boolean {
    return this.#use((fault) => fault.on === on && fault.kind === 'drop' && fault.match === undefined) !== undefined;
  }

  #use(wanted: (fault: Fault) => boolean): Fault | undefined {
    const fault = this.#faults.find(wanted);
    if (!fault) return undefined;
    fault.times -= 1;
    if (fault.times === 0) this.#faults = this.#faults.filter((other) => other !== fault);
    return fault;
  }

  /** `[[fault:kind]]` in a prompt hits every submit of it, `[[fault:kind*2]]` the first two. */
  #marker(on: Fault['on'], prompt: string): Fault | undefined {
    const match = /\[\[fault:(\w+)(?:\*(\d+))?\]\]/.exec(prompt);
    if (on !== 'submit' || !match) return undefined;
    const used = this.#marked.get(prompt) ?? 0;
    if (match[2] !== undefined && used >= Number(match[2])) return undefined;
    this.#marked.set(prompt, used + 1);
    return faultSchema.parse({ kind: match[1] });
  }
}

function isReply(fault: Fault): boolean {
  return (REPLY_FAULTS as readonly string[]).includes(fault.kind);
}
