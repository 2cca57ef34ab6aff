import { parseArgs } from 'node:util';
import { startFakeOpenAi } from './fake-openai.js';

/**
 * The fake as a process of its own: `node fake-openai-main.js [--port N] [--complete-after-ms N] [--complete-after-polls N]
 * [--gateway]`. Prints one line of JSON with its base URL and control URL, ends on SIGTERM, SIGINT or when stdin ends.
 */
const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    'complete-after-ms': { type: 'string' },
    'complete-after-polls': { type: 'string' },
    gateway: { type: 'boolean', default: false },
  },
});
const afterMs = values['complete-after-ms'];
const afterPolls = values['complete-after-polls'];
const fake = await startFakeOpenAi({
  port: Number(values.port),
  background_supported: !values.gateway,
  ...(afterMs !== undefined && { complete_after_ms: Number(afterMs) }),
  ...(afterPolls !== undefined && { complete_after_polls: Number(afterPolls) }),
});
process.stdout.write(`${JSON.stringify({ url: fake.url, control: fake.url.replace(/\/v1$/, '/__fake__'), pid: process.pid })}\n`);

const end = (): void => void fake.close().then(() => process.exit(0));
process.once('SIGTERM', end).once('SIGINT', end);
process.stdin.once('end', end).resume();
