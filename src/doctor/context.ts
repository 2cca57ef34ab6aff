import type { Client } from '@temporalio/client';
import type { BlobStore } from '../blobs/blob-store.js';
import type { Settings } from '../config.js';
import type { JobFailure } from '../contract/errors.js';
import type { StackStatus } from '../local/protocol.js';
import type { TemporalConfig } from '../temporal-config.js';
import type { Finding } from './finding.js';
import type { Pinged } from './ping.js';

/** What can be looked at even when the settings cannot be read. */
export interface Machine {
  env: NodeJS.ProcessEnv;
  platform: NodeJS.Platform;
  /** As 20.11.0. */
  nodeVersion: string;
}

/** What the checks look at. Opened once, by the command or by the client that asks. */
export interface DoctorContext extends Machine {
  settings: Settings;
  /** Of the process that looks. */
  cwd: string;
  /** The roots that the MCP client declared. */
  clientRoots: readonly string[];
  /** Undefined: there is none yet, and looking does not make one. */
  store: BlobStore | JobFailure | undefined;
  /** Undefined with a Temporal of the settings. */
  stack: StackStatus | undefined;
  temporal: TemporalSeen;
  /** Whether workers take work; looked at once, whoever asks first. Undefined: nothing to ask. */
  workers: () => Promise<WorkersSeen>;
}

/** A Temporal that answers, one that should and does not, or the local stack while it is down. */
export type TemporalSeen = ({ state: 'answers' } & AnsweringTemporal) | { state: 'away'; finding: Finding } | { state: 'down' };

export interface AnsweringTemporal {
  client: Client;
  address: string;
  namespace: string;
  /** TLS, API key and the like of a remote one. */
  connection?: TemporalConfig['connection'];
}

/** By a ping, by what the server and the supervisor tell of polls and processes, or not at all, with the reason if it is none of Temporal's own. */
export type WorkersSeen = { by: 'ping'; pinged: Pinged } | { by: 'polls'; alive: boolean; message?: string } | { by: 'nothing'; why?: string };

/** A part of what is printed together. */
export type Area = 'This machine' | 'Settings and folders' | 'Providers' | 'Local stack' | 'Temporal' | 'Jobs';

/** One question to one part of the installation. */
export interface Check<Needs = DoctorContext> {
  id: string;
  area: Area;
  look(context: Needs): Promise<readonly Finding[]> | readonly Finding[];
}
