import * as z from 'zod';
import { JOB_KINDS } from '../contract/names.js';
import type { JobRecord } from '../contract/record.js';

/** The few fields of an input and a plan that a record shows. Any program may have written them, so each is checked alone. */
const input = z.object({
  kind: z.enum(JOB_KINDS).optional().catch(undefined),
  provider: z.string().optional().catch(undefined),
  model: z.string().optional().catch(undefined),
  tags: z.array(z.string()).nonempty().optional().catch(undefined),
});

const plan = z.object({
  targets: z.array(z.object({ provider: z.string(), model: z.string().optional(), warnings: z.array(z.string()) })).nonempty(),
  items: z.array(z.unknown()),
  warnings: z.array(z.string()),
});

export function inputFacts(value: unknown): Pick<JobRecord, 'kind' | 'provider' | 'model' | 'tags'> {
  const read = input.safeParse(value);
  return read.success ? read.data : {};
}

export function planFacts(value: unknown): Pick<JobRecord, 'provider' | 'model' | 'warnings'> & { items?: number } {
  const read = plan.safeParse(value);
  if (!read.success) return {};
  const [target] = read.data.targets;
  if (!target) return {};
  const warnings = [...new Set([...read.data.warnings, ...target.warnings])];
  return {
    provider: target.provider,
    model: target.model,
    warnings: warnings.length > 0 ? warnings : undefined,
    items: read.data.items.length,
  };
}

const prompted = z.object({ prompt: z.string() });

/** The prompt of what claims to be an input. */
export function promptOf(value: unknown): string | undefined {
  const read = prompted.safeParse(value);
  return read.success ? read.data.prompt : undefined;
}
