import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import { figure, inSequence, timed, type Figure } from '../measure.js';
import { since, total, withMetrics, type Actions, type Metered } from '../metrics.js';
import { withProduct, type Product } from '../product.js';
import { readyPicture, withProvider, type Provider } from '../provider.js';
import type { Row } from './row.js';

const RUNS = 30;
const QUICK_RUNS = 5;
const HEARTBEAT = 'grpc_RecordActivityTaskHeartbeat';

/**
 * What a job leaves in Temporal: events of its history, and billable Actions by Temporal's published rule. In a history an
 * Action is the start, each attempt of an activity, and each timer, signal, update, marker, child and upsert. Heartbeats that
 * reach the server are Actions too and stand in no history: they come from the server's own counter, as do those of status and wait.
 */
export const history: Row = {
  name: 'history',
  measure: ({ quick }) =>
    withMetrics((metered) =>
      withProvider((provider) =>
        withProduct({ ...metered.env, OPENAI_API_KEY: 'bench', OPENAI_BASE_URL: provider.url }, async (product) => {
          const runs = quick ? QUICK_RUNS : RUNS;
          await provider.settings({ complete_after_ms: 300 });
          const local = await jobs(product, metered, runs, async () => ({ provider: 'local', size: '64x64' }));
          const remote = await jobs(product, metered, runs, async () => {
            await provider.picture(await readyPicture(), 1);
            return { size: '512x512' };
          });
          return [
            figure({ what: 'history events of a job without collect', unit: 'events', aim: most(29), ours: local.events }),
            figure({ what: 'history events of a job with collect', unit: 'events', aim: most(35), ours: remote.events }),
            figure({ what: 'billable Actions in the history of a job without collect', unit: 'Actions', aim: most(5), ours: local.inHistory }),
            figure({ what: 'billable Actions in the history of a job with collect', unit: 'Actions', aim: most(5), ours: remote.inHistory }),
            ...byServer('without', local),
            ...byServer('with', remote),
            ...(await reads(product, metered, provider, runs)),
          ];
        }),
      ),
    ),
};

const most = (value: number): Figure['aim'] => ({ is: 'most', value });

interface Left {
  events: number[];
  inHistory: number[];
  /** By the server, of one job on average. */
  counted: Actions;
}

async function jobs(product: Product, { actions }: Metered, runs: number, args: () => Promise<Record<string, unknown>>): Promise<Left> {
  const left = { events: new Array<number>(), inHistory: new Array<number>() };
  const before = await actions();
  for (let run = 0; run < runs; run += 1) {
    const jobId = await product.submit('image_generate_async', { prompt: `history ${randomUUID()}`, ...(await args()) });
    await product.finished(jobId);
    const { events, billable } = await historyOf(product.temporal, jobId);
    left.events.push(events);
    left.inHistory.push(billable);
  }
  return { ...left, counted: new Map([...since(before, await actions())].map(([kind, count]) => [kind, count / runs])) };
}

function byServer(collect: string, { counted }: Left): Figure[] {
  return [
    figure({
      what: `Actions of a job ${collect} collect by the counter of the server, heartbeats included`,
      unit: 'Actions',
      aim: most(5),
      ours: [total(counted)],
      notes: [[...counted].map(([kind, count]) => `${count} ${kind}`).join(', ')],
    }),
  ];
}

async function historyOf(temporal: Client, workflowId: string): Promise<{ events: number; billable: number }> {
  const { events } = await temporal.workflow.getHandle(workflowId).fetchHistory();
  let billable = 0;
  for (const event of events ?? []) {
    const once =
      event.workflowExecutionStartedEventAttributes ??
      event.timerStartedEventAttributes ??
      event.workflowExecutionSignaledEventAttributes ??
      event.workflowExecutionUpdateAcceptedEventAttributes ??
      event.upsertWorkflowSearchAttributesEventAttributes ??
      event.workflowPropertiesModifiedEventAttributes ??
      event.markerRecordedEventAttributes;
    if (once) billable += 1;
    if (event.startChildWorkflowExecutionInitiatedEventAttributes) billable += 2;
    // Retries leave no event of their own: the one start that is written down says which attempt it was.
    billable += event.activityTaskStartedEventAttributes?.attempt ?? 0;
  }
  return { events: events?.length ?? 0, billable };
}

/** Looks at a running job and waits on it, all runs counted together. Its own heartbeats go on meanwhile and are the job's. */
async function reads(product: Product, { actions }: Metered, provider: Provider, runs: number): Promise<Figure[]> {
  await provider.settings({ complete_after_ms: 3_600_000 });
  const jobId = await product.submit('image_generate_async', { prompt: `history ${randomUUID()}`, size: '512x512' });
  await product.call('image_job_wait', { job_id: jobId, timeout_seconds: 2 });
  const cost = async (tool: string, args: Record<string, unknown>): Promise<Figure> => {
    const before = await actions();
    await inSequence(() => timed(() => product.call(tool, { job_id: jobId, ...args })), runs);
    const added = new Map(since(before, await actions()));
    added.delete(HEARTBEAT);
    return figure({ what: `Actions of ${runs} calls of ${tool}, by the counter of the server`, unit: 'Actions', aim: most(0), ours: [total(added)] });
  };
  return [await cost('image_job_status', {}), await cost('image_job_wait', { timeout_seconds: 1 })];
}
