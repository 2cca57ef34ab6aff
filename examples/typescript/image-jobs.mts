/**
 * Image jobs from TypeScript: starts them, follows one, cancels one, handles a failure.
 *
 *     durable-image-mcp up
 *     npx tsx image-jobs.mts
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { ImageJobs, JobFailure, readSettings, type JobRecord } from 'durable-image-mcp';

const picture = (name: string): string => fileURLToPath(new URL(`../references/${name}`, import.meta.url));
// Free previews; without a provider it is the first one that has a key.
const common = { provider: 'local', tags: ['typescript'] };

// region connect
// The settings of the environment: the local stack, or the Temporal of TEMPORAL_ADDRESS.
const jobs = await ImageJobs.open(readSettings(process.env));
// endregion

// region follow
async function follow(jobId: string): Promise<JobRecord> {
  for (;;) {
    const { records, timedOut } = await jobs.wait({
      jobIds: [jobId],
      until: 'all',
      timeoutSeconds: 60,
      onUpdate: ([now]) => console.log(`${jobId}: ${now?.stage ?? now?.status}`),
    });
    const [record] = records;
    if (record?.done) return record;
    // It waits for a worker or a key, and says for which.
    if (!timedOut) throw new Error(record?.message);
  }
}
// endregion

try {
  // region start
  // References: a path, an https URL, image:// of an earlier job, or a small data: URL.
  const { job_id: portrait } = await jobs.start('image_multi_reference', {
    ...common,
    prompt: 'The cat beside the coffee',
    image_paths: [picture('chelsea.png'), picture('coffee.png')],
  });
  const record = await follow(portrait);
  console.log(record.message);
  for (const { path = '', sha256 } of record.result?.saved ?? []) {
    console.log(`${path}: ${(await readFile(path)).length} bytes, SHA-256 ${sha256}`);
  }
  // endregion

  const { job_id: edit } = await jobs.start('image_edit', {
    ...common,
    prompt: 'Make it black and white',
    image_path: `image://jobs/${portrait}/outputs/0`,
  });
  console.log((await follow(edit)).result?.saved[0]?.path);

  // region cancel
  const { job_id: posters } = await jobs.start('image_generate', { ...common, prompt: 'A poster of the sea', n: 10, size: '2048x2048' });
  const cancelled = await jobs.cancel(posters, 'not needed any more');
  console.log(`${posters}: ${cancelled.status}, billing: ${cancelled.billing}`);
  // endregion

  // region failure
  try {
    await jobs.start('image_generate', { ...common, prompt: 'A stamp', size: '1x1' });
  } catch (error) {
    // Refused: nothing was started. A job that fails later is a record with an `error` of the same fields.
    if (!(error instanceof JobFailure)) throw error;
    console.log(`${error.code}: ${error.message}\n${error.nextStep}`);
  }
  // endregion
} finally {
  await jobs.close();
}
