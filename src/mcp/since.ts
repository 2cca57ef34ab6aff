import * as z from 'zod';

const SPAN = /^(\d{1,6})\s*([mhd])$/i;
const UNIT_MS = new Map([
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
]);

const moment = z.union([z.iso.date(), z.iso.datetime({ offset: true, local: true })]);

/** A moment as a person says it: an ISO 8601 date or time (of this machine's zone where it names none), or a span before now. */
export const since = z.string().transform((text, context): Date => {
  const date = momentOf(text);
  if (date !== undefined) return date;
  const message = 'must be an ISO 8601 date or time such as 2026-11-23T08:00:00Z, or a span such as 30m, 24h or 7d';
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

function momentOf(text: string): Date | undefined {
  const [, count, unit = ''] = SPAN.exec(text) ?? [];
  const iso = text.replace(' ', 'T');
  if (count === undefined && !moment.safeParse(iso).success) return undefined;
  const span = Number(count) * (UNIT_MS.get(unit.toLowerCase()) ?? 0);
  const date = new Date(count === undefined ? localStart(iso) : Date.now() - span);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

/** A bare date would be read as one of UTC. */
function localStart(iso: string): string {
  return iso.includes('T') ? iso : `${iso}T00:00`;
}
