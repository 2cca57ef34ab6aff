import type { Problem } from '../../contract/errors.js';

const UNIT_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 };
const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
const TIME = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?$/;

/** The moment that a person means: "24h", "7d", a date or a time, both local unless a zone is given. */
export function readSince(text: string, now = new Date()): Date | Problem {
  const given = text.trim();
  const ago = /^(\d{1,6})(m|h|d|w)$/.exec(given);
  if (ago) return new Date(now.getTime() - Number(ago[1]) * (UNIT_MS[ago[2] ?? ''] ?? 0));
  const date = DATE.exec(given);
  // A date alone is UTC for Date, and a time without a zone is local.
  const moment = new Date(date ? `${given}T00:00` : given.replace(' ', 'T'));
  // It takes the 30th of February for the 2nd of March.
  const day = Number(date?.[3] ?? given.slice(8, 10));
  const isDay = !Number.isNaN(moment.getTime()) && (!date || moment.getDate() === day);
  if ((date || TIME.test(given)) && isDay) return moment;
  return { field: 'since', code: 'INVALID_ARGUMENT', message: 'must be a time such as 24h, 7d, 2026-01-31 or 2026-01-31T12:00' };
}
