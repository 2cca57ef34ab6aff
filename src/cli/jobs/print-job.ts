import type { Settings } from '../../config.js';
import type { JobRecord, SavedImage } from '../../contract/record.js';
import { acknowledgedRetryCommand } from '../../own-command.js';
import { print, tell } from '../output.js';
import { plain } from '../plain.js';
import { amountOf, elapsed, inBytes } from '../units.js';
import { inCommands, jobsCommand } from './words.js';

/** The end of a job for a person: its pictures on stdout, what else there is to say on stderr. */
export function printEnd(record: JobRecord, settings: Settings): void {
  for (const saved of record.result?.saved ?? []) printPicture(saved);
  for (const line of remarks(record, settings)) tell(line);
}

/** Path, then size and digest, so that the path can be copied as a line. */
export function printPicture(saved: SavedImage, indent = ''): void {
  print(`${indent}${plain(saved.path ?? saved.uri)}`);
  print(`${indent}  ${pictureFacts(saved)}`);
}

function pictureFacts({ width, height, mime_type, size_bytes, sha256 }: SavedImage): string {
  return plain(`${width}x${height} ${mime_type}, ${inBytes(size_bytes)}, sha256 ${sha256}`);
}

/** Everything that is known of a job, one line a fact; what is not known has no line. */
export function printWhole(record: JobRecord, settings: Settings): void {
  const { status, stage, progress, created_at: created, age_seconds: age, cost, billing, temporal } = record;
  const count = progress && progress.total > 1 ? `, ${progress.completed} of ${progress.total}` : '';
  const facts: [string, string | undefined][] = [
    ['job', record.job_id],
    ['status', status === 'running' && stage ? `running: ${stage}${count}` : status],
    ['kind', record.kind],
    ['provider', record.provider && `${record.provider}${record.model === undefined ? '' : `, model ${record.model}`}`],
    ['created', created && `${created}${age === undefined ? '' : ` (${elapsed(age)} ago)`}`],
    ['attempt', record.attempt === undefined ? undefined : String(record.attempt)],
    ['tags', record.tags?.join(', ')],
    ['billing', billing],
    ['cost', cost && `${amountOf(cost.amount)} ${cost.currency} (${cost.source})`],
    ['message', record.message],
    ['web ui', temporal?.ui_url],
  ];
  for (const [name, text] of facts) if (text !== undefined && text !== '') print(`${name.padEnd(10)}${plain(text)}`);
  for (const saved of record.result?.saved ?? []) printPicture(saved);
  // The message is told above.
  for (const line of remarks({ ...record, message: '' }, settings)) print(line);
}

/** What a person should know of a job beside its pictures. */
export function remarks(record: JobRecord, settings: Settings): string[] {
  const { status, message, error, warnings = [], billing, result } = record;
  const lines: string[] = [];
  if (error) lines.push(`${error.code}: ${error.message}`);
  else if (message !== '') lines.push(message);
  lines.push(...warnings.map((text) => `warning: ${text}`), ...(result?.notes ?? []).map((text) => `note: ${text}`));
  const failed = (result?.results ?? []).filter((item) => item.error);
  lines.push(...failed.map(({ index, error: why }) => `item ${index}: ${why?.code}: ${why?.message}`));
  if (status !== 'completed' && billing === 'maybe') lines.push('It may have been charged all the same.');
  const next = nextStep(record, failed.length, settings);
  if (next !== undefined) lines.push(next);
  return lines.map(plain);
}

function nextStep({ job_id: jobId, status, error, next_step: next }: JobRecord, failed: number, settings: Settings): string | undefined {
  if (status === 'running') return `To wait for it: ${jobsCommand(settings, 'wait', [jobId])}`;
  if (status === 'completed') {
    return failed === 0 ? undefined : `To make again only what failed: ${jobsCommand(settings, 'retry', [jobId])}`;
  }
  if (error?.code === 'MAYBE_BILLED') {
    return `To run it again all the same, and to accept that it may be paid twice: ${acknowledgedRetryCommand(settings, jobId)}`;
  }
  const told = error?.next_step ?? next;
  return told === undefined ? undefined : inCommands(told, settings, jobId);
}
