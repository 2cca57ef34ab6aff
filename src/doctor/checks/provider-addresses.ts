import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Check, DoctorContext } from '../context.js';
import { error, ok, type Finding } from '../finding.js';
import { knownAccounts } from '../known-accounts.js';
import { wordsOf } from '../reach-temporal.js';

const LONGEST_MS = 5_000;

/** Opens a connection to each base URL and closes it: no request is sent and no key. */
export const providerAddresses: Check = {
  id: 'provider-addresses',
  area: 'Providers',
  async look(context) {
    const { environment, file, clients } = await knownAccounts(context);
    const urls = new Set([...environment, ...file, ...clients].map(({ baseUrl }) => baseUrl));
    return await Promise.all([...urls].map((url) => findingOf(url, context)));
  },
};

async function findingOf(baseUrl: string, { settings }: DoctorContext): Promise<Finding> {
  const url = new URL(baseUrl);
  const from = performance.now();
  const problem = await tryConnection(url, Math.min(LONGEST_MS, settings.IMAGE_CONNECT_TIMEOUT_SECONDS * 1000));
  const ms = Math.round(performance.now() - from);
  if (problem === undefined) return ok('provider-addresses', `${url.host} takes connections${url.protocol === 'https:' ? ' and proves its name' : ''} (${ms} ms; no request was sent).`);
  const remedy = 'Check the base URL and the network; requests to providers use no proxy.';
  return error('provider-addresses', `The provider address ${baseUrl} cannot be reached: ${problem}.`, remedy);
}

async function tryConnection({ protocol, hostname, port }: URL, timeout: number): Promise<string | undefined> {
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  const secure = protocol === 'https:';
  return await new Promise((resolve) => {
    const options = { host, port: Number(port || (secure ? 443 : 80)), timeout };
    const socket: Socket = secure ? connectTls({ ...options, ...(isIP(host) === 0 ? { servername: host } : {}) }) : connectPlain(options);
    const timer = setTimeout(() => end('no answer'), timeout);
    const end = (problem?: string): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(problem);
    };
    socket.once(secure ? 'secureConnect' : 'connect', () => end());
    socket.once('error', (failure: NodeJS.ErrnoException) => end(wordsOf(failure)));
    socket.once('close', () => end('it closed the connection'));
  });
}
