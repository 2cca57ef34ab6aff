import * as z from 'zod';

/** Faults of the reply to one request. */
const NOT_TAKEN = ['drop', 'rate_limited', 'quota', 'unauthorized', 'moderation', 'rejected', 'server_error', 'overloaded', 'reply'] as const;
/** These come after the request was accepted and billed. */
const TAKEN = ['reply_lost', 'hang', 'truncated_body', 'unreadable'] as const;
/** What becomes of a request that was accepted. */
const OUTCOMES = ['refusal', 'empty', 'failed', 'unknown_status', 'expires', 'never_done', 'partial', 'image'] as const;

export const faultSchema = z.strictObject({
  kind: z.enum([...NOT_TAKEN, ...TAKEN, ...OUTCOMES]),
  on: z.enum(['submit', 'poll', 'cancel', 'list', 'file']).default('submit'),
  /** How many requests it hits. */
  times: z.int().min(1).default(1),
  /** Only requests whose prompt contains this. */
  match: z.string().optional(),
  /** Of 'reply' and 'server_error'; of others where a provider has more than one form. */
  status: z.int().min(100).max(599).optional(),
  /** Raw body of 'reply' and 'server_error'; `{key}` becomes the key of the request. */
  body: z.string().optional(),
  headers: z.record(z.string(), z.string()).optional(),
  /** Of 'rate_limited' and 'overloaded': seconds, said in the provider's own form. */
  retry_after: z.number().optional(),
  /** The provider's reason, where it gives one. */
  message: z.string().optional(),
  /** Of 'image': base64 of what is sent as the picture. */
  image_base64: z.string().optional(),
});
export type Fault = z.infer<typeof faultSchema>;
export type FaultInput = z.input<typeof faultSchema>;
export type On = Fault['on'];
export type RefusalKind = Exclude<(typeof NOT_TAKEN)[number], 'drop' | 'reply'>;

export function isOutcome({ kind }: Fault): boolean {
  return (OUTCOMES as readonly string[]).includes(kind);
}

export function isTaken({ kind }: Fault): boolean {
  return (TAKEN as readonly string[]).includes(kind);
}

/** Faults in the order in which they were ordered, each used up by the requests that it hits. */
export class FaultQueue {
  #faults: Fault[] = [];

  add(faults: readonly FaultInput[]): void {
    this.#faults.push(...faults.map((fault) => faultSchema.parse(fault)));
  }

  clear(): void {
    this.#faults = [];
  }

  list(): Fault[] {
    return this.#faults.map((fault) => ({ ...fault }));
  }

  /** The first that hits this request, used up by one. */
  take(on: On, outcome: boolean, prompt: string): Fault | undefined {
    const fault = this.#faults.find(
      (one) => one.on === on && isOutcome(one) === outcome && (one.match === undefined || prompt.includes(one.match)),
    );
    if (!fault) return undefined;
    fault.times -= 1;
    if (fault.times === 0) this.#faults = this.#faults.filter((other) => other !== fault);
    return { ...fault };
  }
}
