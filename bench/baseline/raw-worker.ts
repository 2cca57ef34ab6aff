/** Baseline worker: the stock way, one worker for workflow and activities. Says "ready" on stdout. */
import { fileURLToPath } from 'node:url';
import { NativeConnection, Worker } from '@temporalio/worker';
import { RAW_QUEUE } from './names.js';

const worker = await Worker.create({
  connection: await NativeConnection.connect({ address: process.env['BENCH_TEMPORAL_ADDRESS'] ?? '' }),
  taskQueue: RAW_QUEUE,
  workflowsPath: fileURLToPath(new URL('./raw-workflows.js', import.meta.url)),
  activities: { step: async (name: string) => name },
});
const running = worker.run();
process.stdout.write('ready\n');
// Without the bench nobody needs it.
process.stdin.once('end', () => process.exit(0)).resume();
await running;
