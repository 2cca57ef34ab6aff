import type { temporal as proto } from '@temporalio/proto';
import { isGrpcServiceError } from '@temporalio/client';
import { timeOf } from '../../client/history.js';
import { WAITING, WORKFLOW_TYPE } from '../../contract/names.js';
import { workerCommand } from '../../own-command.js';
import type { AnsweringTemporal, Check, DoctorContext } from '../context.js';
import { ok, warning, type Finding } from '../finding.js';

type Description = proto.api.workflowservice.v1.IDescribeWorkflowExecutionResponse;

/** More open jobs than this are counted and not looked at one by one. */
const LOOKED_AT = 50;
const AT_ONCE = 10;
const ANSWER_MS = 5_000;

/** Open jobs that nothing moves: for want of a key, or of a worker. */
export const waitingJobs: Check = {
  id: 'waiting-jobs',
  area: 'Jobs',
  async look(context) {
    const { temporal } = context;
    if (temporal.state !== 'answers') return [];
    try {
      const [open, worked] = await Promise.all([openJobs(temporal), isWorked(context)]);
      if (open.count === 0) return [ok('waiting-jobs', 'No job is open.')];
      if (!worked) return [withoutWorker(open, context)];
      const jobs = open.described.flatMap((description) => keyWait(description) ?? []);
      return jobs.length > 0 ? [withoutKey(jobs, open, context)] : [ok('waiting-jobs', `${counted(open.count)} open, and none waits for a key.`)];
    } catch (thrown) {
      // Told by the check of Temporal.
      if (isGrpcServiceError(thrown)) return [];
      throw thrown;
    }
  },
};

interface Open {
  count: number;
  /** The latest of them. */
  described: Description[];
}

async function openJobs({ client, namespace }: AnsweringTemporal): Promise<Open> {
  const { workflowService, connection } = client;
  const query = `WorkflowType = "${WORKFLOW_TYPE}" AND ExecutionStatus = "Running"`;
  return await connection.withDeadline(Date.now() + ANSWER_MS, async () => {
    const { count } = await workflowService.countWorkflowExecutions({ namespace, query });
    const described: Description[] = [];
    if (Number(count) === 0) return { count: 0, described };
    const { executions } = await workflowService.listWorkflowExecutions({ namespace, query, pageSize: LOOKED_AT });
    for (let from = 0; from < executions.length; from += AT_ONCE) {
      const some = executions.slice(from, from + AT_ONCE);
      described.push(...(await Promise.all(some.map(({ execution }) => workflowService.describeWorkflowExecution({ namespace, execution: execution ?? null })))));
    }
    // Visibility lags: some of them have ended.
    const open = described.filter(({ workflowExecutionInfo: info }) => !info?.closeTime);
    return { count: Number(count) - (described.length - open.length), described: open };
  });
}

async function isWorked({ workers }: DoctorContext): Promise<boolean> {
  const seen = await workers();
  if (seen.by === 'ping') return seen.pinged.report !== undefined || seen.pinged.misunderstood;
  return seen.by === 'nothing' || seen.alive;
}

function withoutWorker({ count, described }: Open, { settings }: DoctorContext): Finding {
  const what = `${counted(count)} ${count === 1 ? 'waits' : 'wait'} for a worker${since(described)}.`;
  return warning('waiting-jobs', what, settings.remote ? `Start one: ${workerCommand(settings)}` : 'Mend the worker of the local stack, as told above.');
}

interface KeyWait {
  description: Description;
  reason: string;
}

/** Every pending step of the job waits for a key. */
function keyWait(description: Description): KeyWait | undefined {
  const pending = description.pendingActivities ?? [];
  const waits = pending.filter(({ lastFailure }) => lastFailure?.applicationFailureInfo?.type === WAITING.key);
  const reason = waits[0]?.lastFailure?.message;
  return waits.length > 0 && waits.length === pending.length && reason ? { description, reason } : undefined;
}

function withoutKey(jobs: readonly KeyWait[], { count, described }: Open, { settings }: DoctorContext): Finding {
  const reasons = [...new Set(jobs.map(({ reason }) => reason))];
  const least = count > described.length ? 'At least ' : '';
  const what = `${least}${counted(jobs.length)} ${jobs.length === 1 ? 'waits' : 'wait'} for a key${since(jobs.map(({ description }) => description))}. ${reasons.slice(0, 3).join(' ')}`;
  const remedy = settings.remote
    ? 'Set the key where the workers run, and start them again; or cancel the jobs.'
    : `Start the client that has the key, put key and base URL into ${settings.credentialsFile}, or cancel the jobs.`;
  return warning('waiting-jobs', what, remedy);
}

function counted(count: number): string {
  return count === 1 ? '1 job' : `${count} jobs`;
}

/** How long the oldest of them is open. */
function since(described: readonly Description[]): string {
  const starts = described.flatMap(({ workflowExecutionInfo: info }) => timeOf(info?.startTime)?.getTime() ?? []);
  if (starts.length === 0) return '';
  return `, the oldest for ${inWords((Date.now() - Math.min(...starts)) / 1000)}`;
}

function inWords(seconds: number): string {
  if (seconds < 120) return `${Math.max(0, Math.round(seconds))} seconds`;
  if (seconds < 2 * 3600) return `${Math.round(seconds / 60)} minutes`;
  return seconds < 48 * 3600 ? `${Math.round(seconds / 3600)} hours` : `${Math.round(seconds / 86_400)} days`;
}
