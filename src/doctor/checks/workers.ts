import { join } from 'node:path';
import { JobFailure } from '../../contract/errors.js';
import { submitQueue, TASK_QUEUES } from '../../contract/names.js';
import type { PingedQueue } from '../../contract/ping.js';
import { compareVersions } from '../../local/compare-versions.js';
import { commandFor, workerCommand } from '../../own-command.js';
import { VERSION } from '../../version.js';
import type { Check, DoctorContext } from '../context.js';
import { error, ok, warning, type Finding } from '../finding.js';
import type { Pinged } from '../ping.js';

/** Whether jobs move: by a workflow that workers of every queue have to answer. */
export const workers: Check = {
  id: 'workers',
  area: 'Temporal',
  async look(context) {
    const seen = await context.workers();
    if (seen.by === 'nothing') {
      return seen.why === undefined ? [] : [error('workers', `The workers could not be pinged: ${seen.why}.`, 'Check that these credentials may start workflows in this namespace.')];
    }
    if (seen.by === 'ping') return pingFindings(seen.pinged, context);
    if (seen.alive) return [ok('workers', 'A worker asks for work.')];
    return [error('workers', 'No worker takes jobs.', seen.message ?? startOne(context))];
  },
};

function pingFindings({ report, misunderstood }: Pinged, context: DoctorContext): Finding[] {
  if (misunderstood) {
    const what = `A worker took the ping and could not run it: it is not of version ${VERSION}.`;
    return [warning('workers', what, renewThem(context))];
  }
  if (!report) return [error('workers', `No worker answers the task queue ${TASK_QUEUES.jobs}: jobs wait.`, startOne(context))];
  const answered = report.queues.filter(({ round_trip_ms: ms }) => ms !== undefined);
  const times = answered.map(({ queue, round_trip_ms: ms }) => `${queue} ${ms} ms`).join(', ');
  const who = [...new Set(answered.flatMap(({ worker }) => worker ?? []))].join(', ');
  return [
    ...(answered.length > 0 ? [ok('workers', `Workers (${who}) answer: ${times}.`)] : []),
    ...report.queues.flatMap((queue) => silence(queue, context)),
    ...storeFindings(answered, context),
    ...versionFindings(answered, context),
    ...keyFindings(answered, context),
  ];
}

function silence({ queue, error: reason }: PingedQueue, context: DoctorContext): Finding[] {
  if (reason === undefined) return [];
  const what = `The task queue ${queue} was not answered: ${reason}.`;
  if (queue === submitQueue('local') || !queue.startsWith(submitQueue(''))) return [error('workers', what, startOne(context))];
  return [warning('workers', what, `If its requests to the provider are not just all in use: ${startOne(context)}`)];
}

/** A place where there is no store yet is another than that of workers which have one. */
function storeFindings(answered: readonly PingedQueue[], { store, settings }: DoctorContext): Finding[] {
  if (store instanceof JobFailure) return [];
  const others = [...new Set(answered.flatMap(({ store_id: id, worker }) => (id === undefined || id === store?.id ? [] : [worker ?? 'a worker'])))];
  if (others.length === 0) return [];
  const what = `${others.join(', ')} ${others.length === 1 ? 'works' : 'work'} with another store than ${settings.blobStore}, so jobs from here wait.`;
  return [error('workers', what, 'Give all clients and workers of this Temporal the same IMAGE_BLOB_STORE, and start them again.')];
}

function versionFindings(answered: readonly PingedQueue[], context: DoctorContext): Finding[] {
  const others = [...new Set(answered.flatMap(({ version }) => (version === undefined || compareVersions(version, VERSION) === 0 ? [] : [version])))];
  if (others.length === 0) return [];
  return [warning('workers', `Workers run version ${others.join(', ')}, and this is ${VERSION}.`, renewThem(context))];
}

/** With a remote Temporal only the workers know which providers they have keys of. */
function keyFindings(answered: readonly PingedQueue[], { settings }: DoctorContext): Finding[] {
  if (!settings.remote || answered.length === 0) return [];
  const providers = [...new Set(answered.flatMap((queue) => queue.providers ?? []))];
  if (providers.length > 0) return [ok('workers', `Workers have keys of ${providers.join(', ')}.`)];
  return [warning('workers', 'No worker that answered has a key of a provider: pictures are previews.', 'Set a key such as OPENAI_API_KEY where the workers run, and start them again.')];
}

function startOne({ settings, stack }: DoctorContext): string {
  if (settings.remote) return `Start one: ${workerCommand(settings)}`;
  return `Look into ${join(stack?.data_dir ?? settings.dataDir, 'logs', 'worker.log')}, then start the local stack afresh: ${afresh(settings)}`;
}

function renewThem({ settings }: DoctorContext): string {
  if (settings.remote) return `Update the package where the workers run, and start them again: ${workerCommand(settings)}`;
  return `Start the local stack afresh: ${afresh(settings)}`;
}

function afresh(settings: DoctorContext['settings']): string {
  return `${commandFor(settings, ['down'])} && ${commandFor(settings, ['up'])}`;
}
