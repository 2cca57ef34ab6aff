import { defaultPayloadConverter } from '@temporalio/common';
import type { Client } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';

type HistoryEvent = temporal.api.history.v1.IHistoryEvent;
type Payloads = temporal.api.common.v1.IPayloads;
type Payload = temporal.api.common.v1.IPayload;

/** What one read of a job's history tells; payloads are decoded, not yet believed. */
export interface JobHistory {
  input: unknown;
  /** The result of uploadReferences, once it has ended. */
  plan: unknown;
  /** Names of activities that were scheduled, in order; the last says where the job stands between two steps. */
  scheduled: string[];
  /** Results of the activities that ended well, by name. */
  completed: { activity: string; result: unknown }[];
  /** Generation activities that ended in a failure: items that will not come. */
  failed: number;
  lastEventAt: Date | undefined;
  close: { result?: unknown; failure?: { type?: string; message: string; details: unknown }; reason?: string } | undefined;
}

/** A job's inputs are bounded, so its history is: nearly always one page. */
const PAGE = 1000;

/** Reads the history of the latest run, or of one run, without any worker. */
export async function readHistory(client: Client, workflowId: string, runId?: string): Promise<JobHistory> {
  const events: HistoryEvent[] = [];
  let nextPageToken: Uint8Array | undefined;
  do {
    const page = await client.workflowService.getWorkflowExecutionHistory({
      namespace: client.options.namespace,
      execution: { workflowId, ...(runId === undefined ? {} : { runId }) },
      maximumPageSize: PAGE,
      nextPageToken,
    });
    events.push(...(page.history?.events ?? []));
    nextPageToken = page.nextPageToken?.length ? page.nextPageToken : undefined;
  } while (nextPageToken);
  return digest(events);
}

function digest(events: HistoryEvent[]): JobHistory {
  const names = new Map<string, string>();
  const read: JobHistory = {
    input: undefined,
    plan: undefined,
    scheduled: [],
    completed: [],
    failed: 0,
    lastEventAt: undefined,
    close: undefined,
  };
  for (const event of events) {
    read.lastEventAt = timeOf(event.eventTime) ?? read.lastEventAt;
    const started = event.workflowExecutionStartedEventAttributes;
    if (started) read.input = first(started.input);
    const scheduled = event.activityTaskScheduledEventAttributes;
    if (scheduled) {
      const name = scheduled.activityType?.name ?? '';
      names.set(String(event.eventId), name);
      read.scheduled.push(name);
    }
    const completed = event.activityTaskCompletedEventAttributes;
    if (completed) {
      const activity = names.get(String(completed.scheduledEventId)) ?? '';
      const result = first(completed.result);
      read.completed.push({ activity, result });
      if (activity === 'uploadReferences') read.plan = result;
    }
    if (event.activityTaskFailedEventAttributes) read.failed += 1;
    read.close = closeOf(event) ?? read.close;
  }
  return read;
}

function closeOf(event: HistoryEvent): JobHistory['close'] {
  const completed = event.workflowExecutionCompletedEventAttributes;
  if (completed) return { result: first(completed.result) };
  const failed = event.workflowExecutionFailedEventAttributes?.failure;
  if (failed) {
    const info = failed.applicationFailureInfo;
    return {
      failure: { type: info?.type ?? undefined, message: failed.message ?? '', details: first(info?.details) },
    };
  }
  const terminated = event.workflowExecutionTerminatedEventAttributes;
  return terminated ? { reason: terminated.reason ?? '' } : undefined;
}

/** The first decoded payload, or undefined. Payloads of another encoding count as unknown. */
export function first(payloads: Payloads | null | undefined): unknown {
  return decode(payloads?.payloads?.[0]);
}

export function decode(payload: Payload | null | undefined): unknown {
  if (!payload) return undefined;
  try {
    return defaultPayloadConverter.fromPayload<unknown>(payload);
  } catch {
    return undefined;
  }
}

export function timeOf(time: { seconds?: unknown; nanos?: number | null } | null | undefined): Date | undefined {
  if (!time) return undefined;
  return new Date(Number(time.seconds ?? 0) * 1000 + Math.floor((time.nanos ?? 0) / 1e6));
}
