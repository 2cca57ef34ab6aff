import type { Problem } from '../../contract/errors.js';

const UNIT_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 };
const TIME = /^(\d{4})-(\d{2})-(\d{2})([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$/;

/** The moment that a person means: "24h", "7d", a date or a time, both local unless a zone is given. */
export function readSince(text: string, now = new Date()): Date | Problem {
  const given = text.trim();
  const ago = /^(\d{1,6})(m|h|d|w)$/.exec(given);
  if (ago) return new Date(now.getTime() - Number(ago[1]) * (UNIT_MS[ago[2] ?? ''] ?? 0));
  const [, year, month, day, time] = TIME.exec(given) ?? [];
  // A date alone would be taken for UTC.
  const moment = new Date(time === undefined ? `${given}T00:00` : given.replace(' ', 'T'));
  // The 30th of February would be taken for the 2nd of March.
  const isDay = day !== undefined && new Date(Date.UTC(Number(year), Number(month) - 1, Number(day))).getUTCDate() === Number(day);
  if (isDay && !Number.isNaN(moment.getTime())) return moment;
  return { field: 'since', code: 'INVALID_ARGUMENT', message: 'must be a time such as 24h, 7d, 2026-01-31 or 2026-01-31T12:00' };
}
