import { reopened, type Manifest } from '../blobs/manifests.js';
import { canonicalJson } from '../contract/canonical.js';
import type { JobInput, Reference } from '../contract/input.js';
import type { ResolveContext } from '../references/resolve.js';
import { referenceRoots } from '../references/roots.js';
import type { ActivityDependencies } from './dependencies.js';

/** The job's manifest from the worker's side. */

const FETCH_TIMEOUT_SECONDS = 120;

/**
 * Makes sure that the job has an open manifest with this input: a job of another program gets it here, and a job that
 * runs again is opened again. Returns the digests of references that an earlier run of the same input has read: what was a URL
 * then may be something else now, and the same job must find what it paid for.
 */
export async function adoptJob(deps: ActivityDependencies, jobId: string, input: JobInput): Promise<Record<string, string>> {
  const { manifests, namespace, local } = deps;
  const databaseId = local?.databaseId;
  const adopt = (): Promise<Manifest | undefined> =>
    manifests.update(jobId, (now) => {
      if (now.state === 'accepted' && canonicalJson(now.input) === canonicalJson(input)) return undefined;
      return reopened(now, { input, namespace, database_id: databaseId });
    });
  const adopted = await adopt();
  if (adopted) return adopted.references;
  const created = await manifests.create({
    job_id: jobId,
    state: 'accepted',
    created_at: new Date().toISOString(),
    created_by: 'worker',
    namespace,
    database_id: databaseId,
    input,
  });
  if (created) return {};
  return (await adopt())?.references ?? {};
}

/** Writes down what was read, so that the job keeps it: the digests by source, and the blobs that its work needs. */
export async function rememberReferences(
  deps: ActivityDependencies,
  jobId: string,
  originals: Record<string, string>,
  pins: string[],
): Promise<void> {
  if (pins.length === 0) return;
  await deps.manifests.update(jobId, (now) => ({
    ...now,
    references: { ...now.references, ...originals },
    pins: [...new Set([...now.pins, ...pins])],
  }));
}

/** What a job's references may name, with this worker's roots. `frozen` replaces a source by what was read from it before. */
export function resolveContext(
  deps: ActivityDependencies,
  known: Record<string, string>,
): ResolveContext & { frozen(reference: Reference): Reference } {
  const { settings, store } = deps;
  return {
    store,
    roots: referenceRoots(settings, { cwd: process.cwd(), clientRoots: [] }),
    fetch: {
      timeoutSeconds: FETCH_TIMEOUT_SECONDS,
      connectTimeoutSeconds: settings.IMAGE_CONNECT_TIMEOUT_SECONDS,
      allowPrivate: settings.IMAGE_ALLOW_PRIVATE_REFERENCE_URLS,
    },
    async outputDigest(jobId, index) {
      const manifest = await deps.manifests.read(jobId);
      return manifest?.record?.result?.saved[index]?.sha256;
    },
    frozen(reference) {
      const sha256 = typeof reference === 'string' && Object.hasOwn(known, reference) ? known[reference] : undefined;
      return sha256 === undefined ? reference : { sha256 };
    },
  };
}
