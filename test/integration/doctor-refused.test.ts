import { access, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { makeBox, type Box } from '../support/e2e.js';
import { GRPC, startGrpc, type GrpcServer } from '../support/grpc-server.js';
import { look } from './doctor-support.js';

jest.setTimeout(60_000);

describe('doctor', () => {
  let box: Box;
  const servers: GrpcServer[] = [];
  beforeAll(async () => {
    box = await makeBox();
  });
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });
  afterAll(async () => await box.close());

  async function startServer(statusOf: (method: string) => number): Promise<string> {
    const server = await startGrpc(statusOf);
    servers.push(server);
    return server.address;
  }

  it('tells that Temporal does not accept the credentials', async () => {
    const address = await startServer(() => GRPC.unauthenticated);
    const { bad } = await look(box, [], { TEMPORAL_ADDRESS: address });
    expect(bad('temporal')).toMatchObject([{ level: 'error', message: expect.stringContaining('does not accept the credentials'), remedy: expect.stringContaining('TEMPORAL_API_KEY') }]);
  });

  it('tells that they are not meant for the namespace, and that the server hides its search attributes', async () => {
    const statuses: Readonly<Record<string, number>> = {
      DescribeNamespace: GRPC.permissionDenied,
      StartWorkflowExecution: GRPC.permissionDenied,
      ListSearchAttributes: GRPC.unimplemented,
    };
    const address = await startServer((method) => statuses[method] ?? GRPC.ok);
    const { bad, findings } = await look(box, [], { TEMPORAL_ADDRESS: address });
    expect(bad('temporal')).toMatchObject([{ level: 'error', message: expect.stringContaining('does not let this process into the namespace default') }]);
    expect(bad('workers')).toMatchObject([{ level: 'error', message: expect.stringContaining('could not be pinged') }]);
    expect(bad('clock')).toEqual([]);
    expect(findings).toContainEqual(expect.objectContaining({ id: 'search-attributes', level: 'ok', message: expect.stringContaining('does not tell') }));
  });

  it('tells that there is no temporal program yet, and gets none', async () => {
    const usual = ['/usr/local/bin/temporal', '/opt/homebrew/bin/temporal', '/usr/bin/temporal', '/bin/temporal'];
    const installed = await Promise.all(usual.map((path) => access(path).then(() => true, () => false)));
    if (installed.includes(true)) return;
    const cache = join(box.folder, 'cache');
    await mkdir(cache);
    const { bad } = await look(box, ['--no-start'], { IMAGE_CACHE_DIR: cache, PATH: '/usr/bin:/bin', TEMPORAL_CLI: '' });
    expect(bad('temporal-binary')).toMatchObject([{ level: 'warning', message: expect.stringMatching(/downloads [\d.]+ from github\.com/), remedy: expect.stringMatching(/ up --data-dir /) }]);
    expect(await box.processes()).toEqual([]);
  });
});
