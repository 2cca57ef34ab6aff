import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { takeCoverage } from 'node:v8';
import sharp from 'sharp';
import { JobFailure } from '../../../src/contract/errors.js';
import { sha256 } from '../../../src/contract/canonical.js';
import { ACCEPTED, type Attempt, type HostileCase, type Place, type Seen } from '../case.js';
import { CASES } from '../cases/index.js';
import { PRIVATE_ADDRESSES } from '../cases/private-hosts.js';
import { CONTROLS } from './controls.js';
import { attempt, openDoors, type Doors } from './doors.js';
import { interrupt } from './interrupt.js';
import { openNetwork, type Network } from './network.js';
import { makePlace } from './place.js';

/**
 * Runs cases against the product's sources beside it, one after the other, and prints a line of JSON for each:
 * `node child.js GUARD` those of a guard and the controls of their doors, without GUARD all.
 */

/** The places lie outside of the temp folders, since those are among the default roots. */
const base = realpathSync(mkdtempSync('/var/tmp/hostile-'));
const SECONDS = 4;

export interface Line {
  id: string;
  /** `accepted`, an error code, `hung` or `fault: …`; what was wrong beside that after a comma. */
  outcome: string;
  /** Of the attempt, its place left out: two cases with the same are the same. */
  digest: string;
  milliseconds: number;
}

let network: Network | undefined;

async function main(): Promise<void> {
  const openedNetwork = async (): Promise<Network> => (network ??= await openNetwork(PRIVATE_ADDRESSES));
  const doors = await openDoors(join(base, 'data'), openedNetwork);
  const guard = process.argv[2];
  const chosen = CASES.filter((one) => guard === undefined || one.guard === guard);
  const needed = new Set<string>();
  for (const one of chosen) needed.add(await run(one, doors));
  for (const control of CONTROLS) if (needed.has(control.id)) await run(control, doors);
}

/** Runs a case, prints its line and gives its door. */
async function run(one: HostileCase, doors: Doors): Promise<Attempt['door']> {
  const place = makePlace(join(base, one.id));
  const home = process.env['HOME'];
  const given = await one.make(place);
  const from = performance.now();
  const outcome = await within(SECONDS, surrounded(one, given, place, doors));
  const line: Line = { id: one.id, outcome, digest: fingerprint(given, place), milliseconds: Math.round(performance.now() - from) };
  process.stdout.write(`${JSON.stringify(line)}\n`);
  process.chdir('/');
  process.env['HOME'] = home;
  return given.door;
}

/** The attempt in its surroundings: home and working folder, interruptions, and what is measured of it. */
async function surrounded(one: HostileCase, given: Attempt, place: Place, doors: Doors): Promise<string> {
  const surroundings = given.door === 'call' ? given : undefined;
  process.env['HOME'] = surroundings?.home ?? place.home;
  process.env['TMPDIR'] = join(place.folder, 'tmp');
  process.chdir(surroundings?.cwd ?? place.root);
  const restorePlatform = pretend(surroundings?.platform);
  const disk = interrupt(place.folder, surroundings?.meanwhile ?? []);
  const measured = measure();
  const connectionsBefore = network?.connections.length ?? 0;
  const seen: Seen = {
    bytes: Buffer.alloc(0),
    second: Buffer.alloc(0),
    warnings: [],
    input: undefined,
    connections: [],
    opened: disk.opened,
    grownMegabytes: 0,
    decodedAtOnce: 0,
  };
  let ended: string;
  try {
    Object.assign(seen, await attempt(doors, place, given));
    ended = ACCEPTED;
  } catch (error) {
    ended = refusal(error, one);
  } finally {
    disk.restore();
    restorePlatform();
    Object.assign(seen, measured());
  }
  seen.connections = network?.connections.slice(connectionsBefore) ?? [];
  const wanted = 'code' in one || ended === ACCEPTED;
  const complaint = wanted ? await one.look?.(seen, place) : undefined;
  return complaint === undefined ? ended : `${ended}, but ${complaint}`;
}

/** The code of a refusal, which is for one thing only. */
function refusal(error: unknown, one: HostileCase): string {
  if (!(error instanceof JobFailure)) return `fault: ${String(error).slice(0, 200)}`;
  const says = 'says' in one ? one.says : undefined;
  if ((error.problems?.length ?? 1) > 1) return `${error.code}, but for ${error.message}`;
  return says === undefined || says.test(error.message) ? error.code : `${error.code}, but it says: ${error.message}`;
}

function pretend(platform: NodeJS.Platform | undefined): () => void {
  const real = process.platform;
  if (platform !== undefined) Object.defineProperty(process, 'platform', { value: platform });
  return () => void Object.defineProperty(process, 'platform', { value: real });
}

function measure(): () => Pick<Seen, 'grownMegabytes' | 'decodedAtOnce'> {
  const before = process.memoryUsage.rss();
  let most = before;
  const look = (): void => {
    most = Math.max(most, process.memoryUsage.rss());
  };
  const timer = setInterval(look, 5);
  const atOnce = countDecodes();
  return () => {
    clearInterval(timer);
    look();
    return { grownMegabytes: (most - before) / 1024 / 1024, decodedAtOnce: atOnce() };
  };
}

interface Decoder {
  toBuffer: (...options: unknown[]) => Promise<unknown>;
}

function isDecoder(value: unknown): value is Decoder {
  return typeof value === 'object' && value !== null && 'toBuffer' in value && typeof value.toBuffer === 'function';
}

/**
 * The most decodes at one time among those that begin from now on. sharp's own counters hold an ended one until its callback is over,
 * when the next has already begun: they read 2 now and then for decodes that come strictly one after the other.
 */
function countDecodes(): () => number {
  const decoder: unknown = Object.getPrototypeOf(sharp());
  if (!isDecoder(decoder)) throw new Error('sharp decodes by another way than toBuffer');
  const { toBuffer } = decoder;
  let [running, most] = [0, 0];
  const ended = (): void => void (running -= 1);
  decoder.toBuffer = function counted(this: unknown, ...options) {
    running += 1;
    most = Math.max(most, running);
    const decoded = Reflect.apply(toBuffer, this, options);
    void decoded.then(ended, ended);
    return decoded;
  };
  return () => {
    decoder.toBuffer = toBuffer;
    return most;
  };
}

async function within(seconds: number, work: Promise<string>): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve('hung'), seconds * 1000);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function fingerprint(given: Attempt, place: Place): string {
  const bytes = given.door === 'job' ? (given.blobs ?? []) : given.door === 'output' ? [given.bytes] : [];
  const rest = { ...given, blobs: undefined, bytes: undefined };
  const text = JSON.stringify(rest, (_name, value: unknown) => (typeof value === 'function' ? String(value) : value));
  return sha256([text.replaceAll(place.folder, '~'), ...bytes.map(sha256)].join(' '));
}

try {
  await main();
} finally {
  process.chdir('/');
  rmSync(base, { recursive: true, force: true });
  takeCoverage();
  network?.close();
}
// What hangs, hangs in threads that would keep an ordinary end waiting.
process.stdout.write('{"end":true}\n', () => process.kill(process.pid, 'SIGKILL'));
