/** Stands in for src/worker.ts: says which accounts it knows in `<data>/worker-<pid>.json`, and takes a moment to drain. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export async function runWorker({ settings, accounts, onReady, signal }) {
  const tell = (drained) =>
    writeFileSync(join(settings.dataDir, `worker-${process.pid}.json`), JSON.stringify({ accounts: accounts.list(), drained }));
  accounts.onChange(() => tell(false));
  tell(false);
  onReady();
  while (!signal.aborted) await delay(20);
  await delay(300);
  tell(true);
}
