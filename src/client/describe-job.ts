import { isGrpcServiceError, type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';
import * as z from 'zod';
import { jobErrorSchema, jobRecordSchema, type JobRecord, type JobStage } from '../contract/record.js';
import { WAITING, WORKFLOW_TYPE } from '../contract/names.js';
import type { JobError } from '../contract/errors.js';
import { first, readHistory, timeOf, type JobHistory } from './history.js';
import { inputFacts, planFacts } from './job-facts.js';
import type { Connected, WorkerState } from './temporal.js';

type Description = temporal.api.workflowservice.v1.IDescribeWorkflowExecutionResponse;
type PendingActivity = temporal.api.workflow.v1.IPendingActivityInfo;

/** Values of Temporal's WorkflowExecutionStatus and PendingActivityState. */
const STATUS = { running: 1, completed: 2, failed: 3, cancelled: 4, terminated: 5, timedOut: 7, paused: 8 } as const;
const ACTIVITY_STARTED = 2;

/** What an activity's failure says in its details; written by src/activities/boundary.ts. */
const failureDetailsSchema = z.object({ error: jobErrorSchema });

/** What Temporal knows of a job: undefined when it knows none of this ID, or one that is no image job. */
export interface Described {
  record: JobRecord;
  input: unknown;
  closed: boolean;
  /** Nothing will move until somebody starts a worker or brings a key. */
  stuck: boolean;
}

/** A wait would end at once, so it is not asked for; a short answer may have cut the message, and a command in it is of use only as a whole. */
const STUCK_NEXT_STEP = 'tell the user to do what image_job_status says; then image_job_wait, never resubmit';

/** What reading a job takes of a Temporal. */
type Reader = Pick<Connected, 'client' | 'namespace' | 'uiUrl' | 'worker'> & Partial<Connected>;

/** Reads a job with one describe and one history read, in parallel: milliseconds, not billed, and without any worker. */
export async function describeJob(connected: Reader, jobId: string): Promise<Described | undefined> {
  const { client } = connected;
  const [description, read, worker] = await Promise.all([
    describe(client, jobId),
    readHistory(client, jobId).catch(ignoreNotFound),
    connected.worker(),
  ]);
  const info = description?.workflowExecutionInfo;
  if (!description || !info || !read || info.type?.name !== WORKFLOW_TYPE) return undefined;

  const status = info.status ?? STATUS.running;
  const running = status === STATUS.running || status === STATUS.paused;
  // It may have closed between the two reads: then the end is in a history that is read now.
  const history = running || read.close ? read : await readHistory(client, jobId, info.execution?.runId ?? undefined);
  const base = baseRecord(connected, jobId, description, history);
  const record = running
    ? runningRecord(base, description, history, worker, status === STATUS.paused)
    : closedRecord(base, status, history);
  const stuck = running && (worker.state === 'none' || record.stage === 'waiting_for_key');
  if (stuck) record.next_step = STUCK_NEXT_STEP;
  return { record, input: history.input, closed: !running, stuck };
}

async function describe(client: Client, jobId: string): Promise<Description | undefined> {
  const { namespace } = client.options;
  return client.workflowService
    .describeWorkflowExecution({ namespace, execution: { workflowId: jobId } })
    .catch(ignoreNotFound);
}

const GRPC_NOT_FOUND = 5;

/** Temporal knows no workflow of this ID, or not this run of it. */
export function isNotFound(error: unknown): boolean {
  return error instanceof WorkflowNotFoundError || (isGrpcServiceError(error) && error.code === GRPC_NOT_FOUND);
}

function ignoreNotFound(error: unknown): undefined {
  if (isNotFound(error)) return undefined;
  throw error;
}

function baseRecord(connected: Reader, jobId: string, description: Description, history: JobHistory): JobRecord {
  const info = description.workflowExecutionInfo;
  const startedAt = timeOf(info?.startTime) ?? new Date();
  const runId = info?.execution?.runId ?? '';
  const { items: _, ...shownOfPlan } = planFacts(history.plan);
  const record: JobRecord = {
    ok: false,
    job_id: jobId,
    status: 'running',
    done: false,
    message: '',
    ...inputFacts(history.input),
    ...shownOfPlan,
    age_seconds: Math.round((Date.now() - startedAt.getTime()) / 100) / 10,
    created_at: startedAt.toISOString(),
    updated_at: (history.lastEventAt ?? startedAt).toISOString(),
    temporal: { workflow_id: jobId, run_id: runId, namespace: connected.namespace },
  };
  if (connected.uiUrl !== undefined && record.temporal) {
    record.temporal.ui_url = uiLink(connected.uiUrl, connected.namespace, jobId);
  }
  return record;
}

interface Run {
  runId: string;
  running: boolean;
  isImageJob: boolean;
}

/** The latest run under an ID; undefined when Temporal knows none. */
export async function latestRun({ client }: Connected, jobId: string): Promise<Run | undefined> {
  const info = (await describe(client, jobId))?.workflowExecutionInfo;
  const runId = info?.execution?.runId;
  return runId ? { runId, running: info?.status === STATUS.running, isImageJob: info?.type?.name === WORKFLOW_TYPE } : undefined;
}

/** The page of a job in the Temporal Web UI. */
export function uiLink(uiUrl: string, namespace: string, jobId: string): string {
  return `${uiUrl}/namespaces/${encodeURIComponent(namespace)}/workflows/${encodeURIComponent(jobId)}`;
}

const STAGE_OF: Readonly<Record<string, JobStage>> = {
  uploadReferences: 'uploading',
  submitGeneration: 'generating',
  collectGeneration: 'generating',
  cancelGeneration: 'generating',
  storeOutputs: 'storing',
  recordEnd: 'storing',
};

function runningRecord(
  base: JobRecord,
  description: Description,
  history: JobHistory,
  worker: WorkerState,
  paused: boolean,
): JobRecord {
  const pending = description.pendingActivities ?? [];
  const told = pending.find((one) => one.state === ACTIVITY_STARTED) ?? pending[0];
  const step = told?.activityType?.name ?? history.scheduled.at(-1);
  const record: JobRecord = { ...base, stage: (step && STAGE_OF[step]) || 'queued', poll_after_seconds: 5 };
  const progress = progressOf(history, pending);
  if (progress) record.progress = progress;
  const attempt = told?.attempt ?? 1;
  if (attempt > 1) record.attempt = attempt;

  const failure = told?.lastFailure;
  const reason = failure?.message;
  const type = failure?.applicationFailureInfo?.type;
  const pausing = told !== undefined && told.state !== ACTIVITY_STARTED;
  record.message = STAGE_MESSAGES[record.stage ?? 'queued'] ?? 'The job is running.';
  if (pausing && type === WAITING.key) {
    record.stage = 'waiting_for_key';
    record.message = reason ?? 'The job waits for a key.';
  } else if (pausing && type === 'STORE_UNAVAILABLE') {
    const error = storeError(failure);
    record.message = `${record.message.slice(0, -1)}; attempt ${attempt}, because its worker cannot use the store.`;
    if (error) record.error = error;
  } else if (pausing && type === 'PROVIDER_RATE_LIMITED') {
    record.stage = 'rate_limited';
    record.message = `Waiting until ${clock(told)}: rate limit at ${base.provider ?? 'the provider'}.`;
  } else if (pausing && step === 'submitGeneration' && !reason && inLine(told)) {
    record.stage = 'queued';
    record.message = `Waiting for its turn at ${base.provider ?? 'the provider'}.`;
  } else if (reason) {
    record.message = `${record.message.slice(0, -1)}; attempt ${attempt}, because: ${reason}`;
  }
  const stuck = description.pendingWorkflowTask?.attempt ?? 1;
  if (stuck > 3) record.message = `The workflow cannot go on (attempt ${stuck} of its task); look at it in the Temporal Web UI.`;
  if (description.workflowExtendedInfo?.cancelRequested) record.message = `Cancelling. ${record.message}`;
  const pausedStep = pending.find((one) => one.paused)?.activityType?.name;
  if (pausedStep !== undefined) record.message = `The step ${pausedStep} was paused in Temporal; unpause it there.`;
  if (paused) record.message = 'The job was paused in Temporal; unpause it there.';
  if (worker.state !== 'alive') {
    record.stage = 'waiting_for_worker';
    record.message = worker.message ?? 'No worker runs.';
  }
  return record;
}

/** What a step has said of its store, as whoever looks can do something about it. */
function storeError(failure: PendingActivity['lastFailure']): JobError | undefined {
  return failureDetailsSchema.safeParse(first(failure?.applicationFailureInfo?.details)).data?.error;
}

const STAGE_MESSAGES: Partial<Record<JobStage, string>> = {
  queued: 'Queued.',
  uploading: 'The references are being read.',
  generating: 'The provider is at work.',
  storing: 'The images are being stored.',
};

/** Others are before it, or the rate of the provider is used up: a step that has a slot begins within milliseconds. */
function inLine({ scheduledTime }: PendingActivity): boolean {
  const since = timeOf(scheduledTime);
  return since !== undefined && Date.now() - since.getTime() > IN_LINE_MS;
}

const IN_LINE_MS = 2000;

function clock(activity: PendingActivity): string {
  const next = (timeOf(activity.nextAttemptScheduleTime) ?? new Date()).toISOString();
  const today = new Date().toISOString().slice(0, 10);
  return next.startsWith(today) ? next.slice(11, 19) : `${next.slice(0, 16).replace('T', ' ')} UTC`;
}

/** Items that have ended, of those that were planned; only where there is more than one. */
function progressOf(history: JobHistory, pending: readonly PendingActivity[]): { completed: number; total: number } | undefined {
  const total = planFacts(history.plan).items;
  if (total === undefined || total <= 1) return undefined;
  const open = pending.filter((one) => /^(submit|collect)Generation$/.test(one.activityType?.name ?? '')).length;
  const storing = history.scheduled.includes('storeOutputs');
  return { completed: storing ? total : Math.max(0, Math.min(total - open, ended(history))), total };
}

function ended(history: JobHistory): number {
  const images = history.completed.filter(({ activity, result }) => activity === 'collectGeneration' || isDone(activity, result));
  return images.length + history.failed;
}

function isDone(activity: string, result: unknown): boolean {
  return activity === 'submitGeneration' && typeof result === 'object' && result !== null && 'state' in result && result.state === 'done';
}

function closedRecord(base: JobRecord, status: number, history: JobHistory): JobRecord {
  const { close } = history;
  const told = jobRecordSchema.safeParse(close?.result ?? close?.failure?.details);
  if (told.success && status !== STATUS.terminated) {
    return { ...base, ...told.data, age_seconds: base.age_seconds, temporal: base.temporal, job_id: base.job_id };
  }
  switch (status) {
    case STATUS.cancelled:
      return ending(base, 'cancelled', {
        code: 'CANCELLED',
        message: 'The job was cancelled.',
        next_step: 'Nothing to do; image_job_retry runs it again.',
        retryable: false,
      });
    case STATUS.terminated:
      return ending(base, 'cancelled', {
        code: 'CANCELLED',
        message: `The job was terminated by an operator${close?.reason ? ` (${close.reason})` : ''}; the provider may still bill.`,
        next_step: 'Ask the operator, or call image_job_retry: it finds what was paid.',
        retryable: false,
      });
    case STATUS.timedOut:
      return ending(base, 'failed', {
        code: 'DEADLINE_EXCEEDED',
        message: 'The workflow ran into a timeout that was set in Temporal.',
        next_step: 'Call image_job_retry.',
        retryable: true,
      });
    default:
      return ending(base, 'failed', failureError(close?.failure));
  }
}

function failureError(failure: NonNullable<JobHistory['close']>['failure']): JobError {
  const parsed = jobErrorSchema.safeParse({
    code: failure?.type,
    message: failure?.message ?? '',
    next_step: 'Look at the workflow in the Temporal Web UI.',
    retryable: false,
  });
  if (parsed.success) return parsed.data;
  return {
    code: 'INTERNAL',
    message: failure?.message ?? 'The job failed.',
    next_step: 'Look at the workflow in the Temporal Web UI.',
    retryable: false,
  };
}

function ending(base: JobRecord, status: 'failed' | 'cancelled', error: JobError): JobRecord {
  const billing = error.code === 'CANCELLED' || error.code === 'DEADLINE_EXCEEDED' ? 'maybe' : undefined;
  return {
    ...base,
    status,
    done: true,
    message: error.message,
    next_step: error.next_step,
    error,
    ...(billing === undefined ? {} : { billing }),
  };
}

