import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import * as z from 'zod';
import type { Topology } from './topology.js';

const statsSchema = z.object({ cpu_stats: z.object({ cpu_usage: z.object({ total_usage: z.number() }) }) });
/** The unit of times in /proc, 1/100 s on every Linux that Node runs on. */
const TICKS = 100;
const SERVICES = ['postgres', 'temporal', 's3', 'worker'] as const;

/** What the topology has used up to now: seconds of processor time by part, commits of PostgreSQL, and MiB on the disk by what keeps them. */
export interface Usage {
  at: number;
  seconds: Record<string, number>;
  mebibytes: Record<string, number>;
  commits: number;
}

export async function usageOf(topology: Topology, mcpServer: number): Promise<Usage> {
  const seconds: Record<string, number> = {};
  const ids: Record<string, string[]> = {};
  for (const service of SERVICES) {
    const own = (ids[service] = await topology.containers(service));
    const used = await Promise.all(own.map(async (id) => await containerSeconds(topology.dockerHost, id)));
    seconds[service] = used.reduce((sum, one) => sum + one, 0);
  }
  seconds['MCP server'] = await processSeconds(mcpServer);
  const { user, system } = process.cpuUsage();
  seconds['fake provider and test'] = (user + system) / 1e6;
  seconds['machine'] = await machineSeconds();
  const [postgres = '', s3 = ''] = [ids['postgres']?.[0], ids['s3']?.[0]];
  const ask = async (what: string): Promise<number> => Number(await topology.docker('exec', postgres, 'psql', '-U', 'temporal', '-tAc', `select sum(${what}) from pg_stat_database`));
  const mebibytes = {
    databases: (await ask('pg_database_size(datid)')) / 2 ** 20,
    bucket: Number((await topology.docker('exec', s3, 'du', '-s', '--block-size=1', '/data')).split('\t')[0]) / 2 ** 20,
  };
  return { at: performance.now(), seconds, mebibytes, commits: await ask('xact_commit') };
}

/** In a line for people: jobs a second, and of each part the processors in use and the milliseconds a job. */
export function figures(before: Usage, after: Usage, jobs: number): string {
  const passed = (after.at - before.at) / 1000;
  const parts = Object.entries(after.seconds).map(([part, used]) => {
    const own = used - (before.seconds[part] ?? 0);
    return `${part} ${(own / passed).toFixed(2)} (${((own / jobs) * 1000).toFixed(0)} ms a job)`;
  });
  const disk = Object.entries(after.mebibytes).map(([what, size]) => `${what} ${(((size - (before.mebibytes[what] ?? 0)) / jobs) * 1024).toFixed(0)} KiB a job`);
  return `${(jobs / passed).toFixed(1)} jobs/s; processors in use: ${parts.join(', ')}; disk: ${disk.join(', ')}; ${((after.commits - before.commits) / jobs).toFixed(0)} commits a job`;
}

/** GET /containers/{id}/stats of the Docker Engine API. */
async function containerSeconds(dockerHost: string | undefined, id: string): Promise<number> {
  const socketPath = (dockerHost ?? 'unix:///var/run/docker.sock').replace('unix://', '');
  const text = await new Promise<string>((resolve, reject) => {
    request({ socketPath, path: `/containers/${id}/stats?stream=false&one-shot=true` }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => resolve(body));
    })
      .on('error', reject)
      .end();
  });
  return statsSchema.parse(JSON.parse(text)).cpu_stats.cpu_usage.total_usage / 1e9;
}

/** proc_pid_stat(5): utime and stime, fields 14 and 15; the name before them may hold spaces. */
async function processSeconds(pid: number): Promise<number> {
  const [, after = ''] = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ');
  const fields = after.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** proc_stat(5): all but idle and iowait, the fourth and fifth. */
async function machineSeconds(): Promise<number> {
  const [first = ''] = (await readFile('/proc/stat', 'utf8')).split('\n');
  const times = first.split(/ +/).slice(1, 9).map(Number);
  return times.reduce((sum, ticks, index) => (index === 3 || index === 4 ? sum : sum + ticks), 0) / TICKS;
}
