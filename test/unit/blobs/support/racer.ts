import { openBlobStore } from '../../../../src/blobs/open-store.js';

/** Takes part in races: for each message {create: key} or {count: key, times} it does that and answers with what it won. */
const [url = '', name = ''] = process.argv.slice(2);
const store = await openBlobStore(url);

interface Task {
  create?: string;
  count?: string;
  times?: number;
}

process.on('message', (task: Task) => {
  void work(task).then((answer) => process.send?.(answer));
});
process.send?.('ready');

async function work({ create, count, times = 0 }: Task): Promise<unknown> {
  if (create !== undefined) return store.createDocument(create, Buffer.from(JSON.stringify({ by: name })));
  if (count !== undefined) return countUp(count, times);
  throw new Error('no task');
}

/** Raises the number in a document so many times, each time by compare-and-swap; the numbers that it wrote. */
async function countUp(key: string, times: number): Promise<number[]> {
  const won: number[] = [];
  while (won.length < times) {
    const current = await store.readDocument(key);
    if (current === undefined) throw new Error('the counter is gone');
    const next = Number(current.bytes.toString()) + 1;
    if (await store.replaceDocument(key, Buffer.from(String(next)), current.version)) won.push(next);
  }
  return won;
}
