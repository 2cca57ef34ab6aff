import { readSettings } from '../config.js';
import { LocalStack, type StackStatus } from '../local/stack-client.js';
import { createLogger } from '../log.js';
import { VERSION } from '../version.js';
import { EXIT, print, printJson, tell } from './output.js';

/** Shows the state of the local stack; starts nothing. Exit code 1 when the stack could not be prepared. */
export async function status(env: NodeJS.ProcessEnv, json: boolean): Promise<number> {
  const settings = readSettings(env);
  if (settings.remote) tell('TEMPORAL_ADDRESS or TEMPORAL_PROFILE is set, so jobs run there; this is the local stack:');
  const logger = createLogger(settings.IMAGE_LOG_LEVEL, 'status');
  const now = await new LocalStack({ settings, env, version: VERSION, logger }).state();
  if (json) printJson(now);
  else printStatus(now);
  return now.state === 'failed' ? EXIT.failed : EXIT.done;
}

/** One line a fact; what is not known has no line. */
export function printStatus(now: StackStatus): void {
  const { server, worker, preparation, error } = now;
  const lines: [string, string | undefined][] = [
    ['state', preparation ? `${now.state}: ${preparation.step}, ${Math.floor(preparation.percent)} %` : now.state],
    ['address', now.address && `${now.address} (namespace ${now.namespace})`],
    ['web ui', now.ui_url],
    ['server', processLine(server)],
    ['worker', processLine(worker)],
    ['supervisor', now.pids.supervisor === undefined ? undefined : `process ${now.pids.supervisor}`],
    ['temporal', now.temporal_binary && `${now.temporal_binary} (server ${now.versions.temporal_server})`],
    ['data', now.data_dir],
    ...now.messages.map((text): [string, string] => ['note', text]),
    ['error', error && `${error.message} ${error.next_step}`],
  ];
  for (const [name, text] of lines) if (text !== undefined && text !== '') print(`${name.padEnd(12)}${text}`);
}

function processLine({ state, pid, restarts, problem }: StackStatus['server']): string {
  const restarted = restarts === 0 ? '' : `, restarted ${restarts} ${restarts === 1 ? 'time' : 'times'}`;
  return `${state}${pid === undefined ? '' : ` (process ${pid}${restarted})`}${problem === undefined ? '' : `: ${problem}`}`;
}
