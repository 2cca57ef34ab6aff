import { once } from 'node:events';
import * as http from 'node:http';
import * as https from 'node:https';
import { createServer, isIP, Socket, type LookupFunction, type Server } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { ResolvedAddress } from '../../../src/references/guarded-fetch.js';
import { certificateFor } from './certificates.js';
import { answer } from './servers.js';

/**
 * An internet in which every address answers, those of private networks too: each connection of this process goes to servers of
 * ours, whatever address it asks for. What only a guard keeps out is therefore seen to come in when that guard is off, and nothing
 * ever leaves the machine.
 */
export interface Network {
  /** Addresses that were connected to, in order. */
  connections: string[];
  /** The authority that vouches for the sites. */
  authority: string;
  /** The name service. */
  resolve(name: string): Promise<ResolvedAddress[]>;
  /** From now on the next answers, one for each question; undefined: the sites as they are. */
  answerWith(answers: string[][] | undefined): void;
  close(): void;
}

const PUBLIC = '93.184.215.14';
const SITES: Readonly<Record<string, string[]>> = {
  'pictures.test': [PUBLIC],
  'untrusted.test': [PUBLIC],
  'misnamed.test': [PUBLIC],
  'mute.test': [PUBLIC],
  'plain.test': [PUBLIC],
  'none.test': [],
  'turning.test': [PUBLIC],
  'inside.test': ['10.1.2.3'],
  'inside6.test': ['fd00::7'],
  'metadata.test': ['169.254.169.254'],
  'loopback.test': ['127.0.0.1'],
  'both.test': [PUBLIC, '10.1.2.3'],
  'nat64.test': ['64:ff9b::a01:203'],
  'mapped.test': ['::ffff:10.1.2.3'],
};

export async function openNetwork(privateHosts: readonly string[]): Promise<Network> {
  const vouched = [...Object.keys(SITES).filter((name) => name !== 'misnamed.test'), ...privateHosts];
  const [authority, stranger] = [certificateFor(vouched), certificateFor(['untrusted.test'])];
  const ports = {
    secure: await listening(https.createServer({ key: authority, cert: authority }, answer)),
    untrusted: await listening(https.createServer({ key: stranger, cert: stranger }, answer)),
    plain: await listening(http.createServer(answer)),
    mute: await listening(createServer(() => undefined)),
  };
  const portFor = (socket: Socket, host: string): number => {
    if (host === 'mute.test') return ports.mute;
    if (host === 'untrusted.test') return ports.untrusted;
    return host === 'plain.test' || !(socket instanceof TLSSocket) ? ports.plain : ports.secure;
  };

  const connections: string[] = [];
  let answers: string[][] | undefined;
  const restore = redirectConnections(portFor, connections);
  return {
    connections,
    authority,
    async resolve(name) {
      const scripted = answers && answers.length > 1 ? answers.shift() : answers?.[0];
      const addresses = scripted ?? SITES[name];
      if (!addresses) throw Object.assign(new Error('not found'), { code: 'ENOTFOUND' });
      return addresses.map((address) => ({ address, family: isIP(address) }));
    },
    answerWith(given) {
      answers = given && [...given];
    },
    close: restore,
  };
}

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** What Node gives to Socket.connect, as far as it is changed here. */
interface ConnectOptions {
  host?: string;
  port?: number;
  lookup?: LookupFunction;
}

/** Node gives the options alone, or in a list with a callback. */
function optionsOf(args: unknown[]): { options: ConnectOptions; others: unknown[] } {
  const list: unknown[] = Array.isArray(args[0]) ? args[0] : args;
  const [options, ...others] = list;
  if (typeof options !== 'object' || options === null) throw new Error('a connection without options');
  return { options, others };
}

function redirectConnections(portFor: (socket: Socket, host: string) => number, connections: string[]): () => void {
  const original: unknown = Reflect.get(Socket.prototype, 'connect');
  if (typeof original !== 'function') throw new Error('sockets do not connect');
  Reflect.set(Socket.prototype, 'connect', function redirected(this: Socket, ...args: unknown[]): Socket {
    const { options: given, others } = optionsOf(args);
    const { host = '', lookup } = given;
    const options: ConnectOptions = { ...given, port: portFor(this, host) };
    if (isIP(host) !== 0) {
      connections.push(host);
      options.host = '127.0.0.1';
    } else if (lookup) {
      options.lookup = (name, asked, done) =>
        lookup(name, asked, (error, found) => {
          if (error) return done(error, '');
          connections.push(...(typeof found === 'string' ? [found] : found.map(({ address }) => address)));
          return asked.all === true ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4);
        });
    }
    Reflect.apply(original, this, [options, ...others]);
    return this;
  });
  return () => void Reflect.set(Socket.prototype, 'connect', original);
}
