import * as z from 'zod';
import type { Box } from '../support/e2e.js';

const findingSchema = z.strictObject({
  id: z.string(),
  level: z.enum(['ok', 'warning', 'error']),
  message: z.string().min(1),
  remedy: z.string().min(1).optional(),
});
export const reportSchema = z.strictObject({ ok: z.boolean(), version: z.string(), findings: z.array(findingSchema) });
export type Finding = z.infer<typeof findingSchema>;

export interface Look {
  code: number | null;
  ok: boolean;
  stderr: string;
  findings: Finding[];
  /** The findings of one id that are not in order. */
  bad: (id: string) => Finding[];
}

/** Runs `doctor --json` and holds it to what every report promises. */
export async function look(box: Box, args: readonly string[] = [], env: Record<string, string> = {}): Promise<Look> {
  const { code, stdout, stderr } = await box.cli(['doctor', '--json', ...args], env);
  const { ok, findings } = reportSchema.parse(JSON.parse(stdout));
  const errors = findings.filter(({ level }) => level === 'error');
  if (ok !== (errors.length === 0) || code !== (ok ? 0 : 1)) throw new Error(`exit code ${code}, ok: ${ok}, ${errors.length} errors`);
  for (const { level, message, remedy } of findings) if (level !== 'ok' && remedy === undefined) throw new Error(`no remedy: ${message}`);
  const order = ['error', 'warning', 'ok'];
  const ranks = findings.map(({ level }) => order.indexOf(level));
  if (ranks.some((rank, index) => rank < (ranks[index - 1] ?? 0))) throw new Error('the worst is not first');
  return { code, ok, stderr, findings, bad: (id) => findings.filter((one) => one.id === id && one.level !== 'ok') };
}

/** The command that a remedy ends with. */
export function commandIn(remedy: string | undefined): string {
  const command = /: ([^:].*)$/.exec(remedy ?? '')?.[1];
  if (command === undefined) throw new Error(`no command in ${remedy}`);
  return command;
}
