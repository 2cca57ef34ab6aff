import { realpathSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isS3 } from './blobs/s3/place.js';
import type { Settings } from './config.js';

/** Commands in messages: complete, and they work when pasted into a shell on this machine. */

const NAME = 'durable-image-mcp';

/** This package's command with these words: by its name when a shell would find this very program, else by its path. */
export function ownCommand(...words: string[]): string {
  const program = fileURLToPath(new URL('cli.js', import.meta.url));
  const start = isInstalled(program) ? [NAME] : [process.execPath, program];
  return [...start, ...words].map(shellWord).join(' ');
}

/** The command that starts a worker for the Temporal, the data folder and the store of these settings. Never a key. */
export function workerCommand(settings: Settings): string {
  return commandFor(settings, ['worker']);
}

/** The command by which a person runs a job again and accepts that what may have been paid may be paid twice. */
export function acknowledgedRetryCommand(settings: Settings, jobId: string): string {
  const flag = '--acknowledge-possible-double-charge';
  // A program may have chosen an ID that looks like an option.
  if (jobId.startsWith('-')) return commandFor(settings, ['jobs', 'retry', flag], ['--', jobId]);
  return commandFor(settings, ['jobs', 'retry', jobId, flag]);
}

/** This package's command where it looks at the same Temporal, data folder and store as a process with these settings. */
export function commandFor(settings: Settings, words: string[], operands: string[] = []): string {
  const { TEMPORAL_ADDRESS, TEMPORAL_PROFILE, TEMPORAL_NAMESPACE, IMAGE_BLOB_STORE, IMAGE_DATA_DIR } = settings;
  const variables = {
    TEMPORAL_ADDRESS,
    TEMPORAL_PROFILE,
    TEMPORAL_NAMESPACE: TEMPORAL_NAMESPACE === 'default' ? undefined : TEMPORAL_NAMESPACE,
    IMAGE_BLOB_STORE,
    ...(isS3(IMAGE_BLOB_STORE ?? '') ? awsVariables() : {}),
  };
  const set = Object.entries(variables).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${shellWord(value)}`]));
  const folder = IMAGE_DATA_DIR === undefined ? [] : ['--data-dir', settings.dataDir];
  return [...set, ownCommand(...words, ...folder, ...operands)].join(' ');
}

/** Where S3 is; its keys are for the person to add. */
function awsVariables(): Record<string, string | undefined> {
  const { AWS_ENDPOINT_URL_S3, AWS_REGION, AWS_PROFILE } = process.env;
  return { AWS_ENDPOINT_URL_S3, AWS_REGION, AWS_PROFILE };
}

function isInstalled(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      return folder !== '' && realpathSync(join(folder, NAME)) === realpathSync(program);
    } catch {
      return false;
    }
  });
}

export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
