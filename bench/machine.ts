import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

export function machine(): Record<string, unknown> {
  return {
    cpus: availableParallelism(),
    cpu: cpus()[0]?.model,
    memory_gib: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch} ${release()}`,
    node: process.version,
    load: loadavg().map((value) => Math.round(value * 100) / 100),
  };
}

/** Above it a figure is marked: somebody else was at work on this machine. */
export const MUCH = 0.15;

const LOOK_MS = 700;

/** The share of all processors that is busy while this bench does nothing, 0 to 1. */
export async function othersShare(): Promise<number> {
  const before = times();
  await sleep(LOOK_MS);
  const after = times();
  const all = after.all - before.all;
  return all <= 0 ? 0 : Math.round((1 - (after.idle - before.idle) / all) * 100) / 100;
}

function times(): { idle: number; all: number } {
  let [idle, all] = [0, 0];
  for (const cpu of cpus()) {
    idle += cpu.times.idle;
    all += cpu.times.user + cpu.times.nice + cpu.times.sys + cpu.times.irq + cpu.times.idle;
  }
  return { idle, all };
}
