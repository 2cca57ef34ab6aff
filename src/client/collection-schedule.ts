import { defaultPayloadConverter, isGrpcServiceError, type Client } from '@temporalio/client';
import proto, { type temporal } from '@temporalio/proto';
import type { Settings } from '../config.js';
import { COLLECTION_WORKFLOW_TYPE, collectionScheduleId, type CollectionOrder } from '../contract/collection.js';
import { TASK_QUEUES } from '../contract/names.js';
import type { Logger } from '../log.js';
import { commandFor } from '../own-command.js';
import { decode } from './history.js';

type ISchedule = temporal.api.schedule.v1.ISchedule;

const { Schedule } = proto.temporal.api.schedule.v1;

/** To be raised with each change below: a worker of an older version leaves a newer definition as it is. */
const DEFINITION = 1;
const DEFINITION_MEMO = 'definition';
/** Of the Schedule: where the store is, for people and for clients with another one. */
export const STORE_MEMO = 'store';
const DAY_SECONDS = 24 * 3600;
/** Many stores at one Temporal do not begin in the same minute. */
const JITTER_SECONDS = 2 * 3600;
/** A local stack sleeps most of the time: what it missed, however long ago, is made up for once when it is up. */
const CATCH_UP_SECONDS = 365 * DAY_SECONDS;
/** Temporal's SCHEDULE_OVERLAP_POLICY_SKIP. */
const SKIP = 1;

const ANSWER_MS = 10_000;
const GRPC = { alreadyExists: 6, failedPrecondition: 9 } as const;
const ATTEMPTS_AT_A_CONFLICT = 3;

/** What is used of a client. */
export type ScheduleClient = Pick<Client, 'workflowService' | 'connection' | 'options'>;

export interface ScheduleKeeper {
  client: ScheduleClient;
  storeId: string;
  settings: Settings;
  logger: Logger;
  /** Of the worker: it ends. */
  signal: AbortSignal;
}

/** For a worker that starts: behind its first job, and never a reason not to work. Where it is not allowed, that is told once. */
export async function keepCollectionSchedule({ client, storeId, settings, logger, signal }: ScheduleKeeper): Promise<void> {
  try {
    await client.connection.withAbortSignal(signal, () => ensureCollectionSchedule(client, storeId, settings.blobStore));
  } catch (error) {
    if (signal.aborted) return;
    const command = commandFor(settings, ['gc']);
    logger.warn(
      { err: error instanceof Error ? error.message : 'unknown' },
      `The garbage collection could not be put on a Schedule. Allow this worker to make one and start it again, or run now and then: ${command}`,
    );
  }
}

/**
 * Makes sure that the store's collection is on a Schedule. Whoever comes first creates it; a newer version updates what an
 * older one made. What a person set stays: whether it is paused and why, and, until a newer version comes, its times too. Errors
 * are Temporal's own.
 */
export async function ensureCollectionSchedule(client: ScheduleClient, storeId: string, storeUrl: string): Promise<void> {
  const { workflowService, connection, options } = client;
  const { namespace, identity } = options;
  const request = { namespace, identity, scheduleId: collectionScheduleId(storeId) };
  await connection.withDeadline(Date.now() + ANSWER_MS, async () => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const memo = { fields: { [STORE_MEMO]: defaultPayloadConverter.toPayload(storeUrl) } };
        await workflowService.createSchedule({ ...request, requestId: crypto.randomUUID(), schedule: definition(storeId), memo });
        return;
      } catch (error) {
        if (!isCode(error, GRPC.alreadyExists)) throw error;
      }
      const { schedule, conflictToken } = await workflowService.describeSchedule(request);
      if (definitionOf(schedule) >= DEFINITION) return;
      try {
        await workflowService.updateSchedule({
          ...request,
          requestId: crypto.randomUUID(),
          schedule: Schedule.create({ ...definition(storeId), state: schedule?.state }),
          // Refused when somebody paused it, or another worker updated it, between the two calls.
          conflictToken,
        });
        return;
      } catch (error) {
        if (!isCode(error, GRPC.failedPrecondition) || attempt >= ATTEMPTS_AT_A_CONFLICT) throw error;
      }
    }
  });
}

function definition(storeId: string): ISchedule {
  const order: CollectionOrder = { store_id: storeId };
  return Schedule.fromObject({
    spec: { interval: [{ interval: { seconds: DAY_SECONDS } }], jitter: { seconds: JITTER_SECONDS } },
    action: {
      startWorkflow: {
        workflowId: collectionScheduleId(storeId),
        workflowType: { name: COLLECTION_WORKFLOW_TYPE },
        taskQueue: { name: TASK_QUEUES.jobs },
        input: { payloads: [defaultPayloadConverter.toPayload(order)] },
        memo: { fields: { [DEFINITION_MEMO]: defaultPayloadConverter.toPayload(DEFINITION) } },
        userMetadata: { summary: defaultPayloadConverter.toPayload('garbage collection of the image store') },
      },
    },
    policies: { overlapPolicy: SKIP, catchupWindow: { seconds: CATCH_UP_SECONDS } },
  });
}

function definitionOf(schedule: ISchedule | null | undefined): number {
  const read = decode(schedule?.action?.startWorkflow?.memo?.fields?.[DEFINITION_MEMO]);
  return typeof read === 'number' ? read : 0;
}

function isCode(error: unknown, code: number): boolean {
  return isGrpcServiceError(error) && error.code === code;
}
