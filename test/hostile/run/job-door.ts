import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { pino } from 'pino';
import { AccountRegistry } from '../../../src/accounts/registry.js';
import type { ActivityDependencies } from '../../../src/activities/dependencies.js';
import { uploadReferences } from '../../../src/activities/upload-references.js';
import { Attempts } from '../../../src/blobs/attempts.js';
import { Manifests } from '../../../src/blobs/manifests.js';
import type { Plan } from '../../../src/contract/plan.js';
import { createLocalGenerator } from '../../../src/generators/local/index.js';
import { NO_METRICS } from '../../../src/metrics.js';
import { createNormaliser } from '../../../src/references/normalise.js';
import { rememberingReferences } from '../../../src/references/recent-references.js';
import type { JobAttempt, Place } from '../case.js';
import { SALT, settingsIn, type Doors, type Taken } from './doors.js';

/** The door of programs: a job's input at the worker's first activity. */
export async function job(doors: Doors, place: Place, given: JobAttempt): Promise<Taken> {
  const { store } = doors;
  // So that what an input names is not looked for on the machine's own network.
  await doors.network();
  const settings = settingsIn(place, doors, given.settings);
  given.before?.(settings.dataDir);
  for (const blob of given.blobs ?? []) await store.putBlob(blob);
  const deps: ActivityDependencies = {
    settings,
    namespace: 'default',
    store,
    attempts: new Attempts(store),
    manifests: new Manifests(store),
    generators: new Map([['local', createLocalGenerator()]]),
    limits: { of: () => ({ concurrency: 20 }) },
    normaliser: rememberingReferences(createNormaliser(given.decoder ?? { concurrency: 2 })),
    accounts: new AccountRegistry(),
    salt: SALT,
    local: {},
    logger: pino({ level: 'silent' }),
    metrics: NO_METRICS,
    lateReplies: new Set(),
    runAgain: async () => undefined,
    runs: { look: async () => undefined, recordEnd: async () => undefined, forget: async () => 'forgotten' },
  };
  const environment = new MockActivityEnvironment(
    { workflowExecution: { workflowId: given.jobId ?? `hostile ${place.folder}`, runId: 'run' } },
    { logger: new DefaultLogger('ERROR', () => undefined) },
  );
  const upload = (): Promise<Plan> => uploadReferences(deps, given.input);
  const plan = await environment.run<[], Plan, typeof upload>(upload);
  const [item] = plan.items;
  const bytesOf = async (digest: string | undefined): Promise<Buffer> =>
    (digest === undefined ? undefined : await store.getBlob(digest)) ?? Buffer.alloc(0);
  return {
    bytes: await bytesOf(item?.references[0]?.sha256),
    second: await bytesOf(item?.mask?.sha256),
    warnings: plan.warnings,
  };
}

