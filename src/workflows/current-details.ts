import type { JobRecord } from '../contract/record.js';

/** The job as Markdown for the Temporal Web UI: what it is, where it stands, where its images are. No prompt, never a key. */
export function currentDetails(record: JobRecord): string {
  const lines = [`**${record.status}**${record.stage ? `: ${record.stage}` : ''}`];
  if (record.provider) lines.push(`Provider: ${record.provider}${record.model ? ` (${record.model})` : ''}`);
  if (record.progress) lines.push(`Images: ${record.progress.completed} of ${record.progress.total}`);
  if (record.billing && record.billing !== 'none') lines.push(`Billing: ${record.billing}`);
  for (const saved of record.result?.saved ?? []) {
    lines.push(`Image: ${code(saved.path ?? saved.uri)} ${saved.width}x${saved.height}, SHA-256 ${code(saved.sha256)}`);
  }
  if (record.error) lines.push(`Error: ${code(record.error.code)} ${plain(record.error.message)}`, plain(record.error.next_step));
  for (const warning of record.warnings ?? []) lines.push(`Warning: ${plain(warning)}`);
  // The Web UI cuts two lines off the end of the frame that it shows this in.
  return [...lines, NO_BREAK_SPACE].join('\n\n');
}

const NO_BREAK_SPACE = '\u00a0';

function code(text: string): string {
  return `\`${text.replaceAll('`', "'")}\``;
}

/** Text that may come from outside, without the characters that Markdown or HTML give a meaning. */
function plain(text: string): string {
  return text.replace(/[\\`*_[\]<>#|!]/g, ' ').slice(0, 500);
}
