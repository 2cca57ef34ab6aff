import { request } from 'node:http';
import * as z from 'zod';

const statsSchema = z.object({ cpu_stats: z.object({ cpu_usage: z.object({ total_usage: z.number() }) }), memory_stats: z.object({ usage: z.number() }) });

/** Seconds of processor time that a container has used, and its memory in MiB: GET /containers/{id}/stats of the Docker Engine API. */
export async function usageOf(dockerHost: string | undefined, id: string): Promise<{ cpuSeconds: number; mebibytes: number }> {
  const socketPath = (dockerHost ?? 'unix:///var/run/docker.sock').replace('unix://', '');
  const text = await new Promise<string>((resolve, reject) => {
    request({ socketPath, path: `/containers/${id}/stats?stream=false` }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => resolve(body));
    })
      .on('error', reject)
      .end();
  });
  const { cpu_stats: cpu, memory_stats: memory } = statsSchema.parse(JSON.parse(text));
  return { cpuSeconds: cpu.cpu_usage.total_usage / 1e9, mebibytes: memory.usage / 2 ** 20 };
}
