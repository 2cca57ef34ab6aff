import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { openBlobStore } from '../../../src/blobs/open-store.js';
import { serverInfo } from '../../../src/client/server-info.js';
import type { Temporal } from '../../../src/client/temporal.js';
import { clientFindings } from '../../../src/doctor/client-findings.js';
import type { StackStatus } from '../../../src/local/protocol.js';
import { contextOf, stackStatus, useFolder } from './support.js';

const folder = useFolder();

/** Nothing answers, and nothing may be started. */
function quiet(stack: StackStatus): Temporal {
  return {
    connect: () => Promise.reject(new Error('server_info starts nothing')),
    connectIfRunning: async () => undefined,
    stackState: async () => stack,
    close: async () => undefined,
  };
}

async function info(env: Record<string, string>, clientRoots: string[], stack: StackStatus): Promise<Record<string, unknown>> {
  const { settings, env: all } = contextOf(folder(), env);
  const store = await openBlobStore(settings.blobStore);
  const findings: Parameters<typeof serverInfo>[0]['findings'] = (seen) => clientFindings({ settings, env: all, store, clientRoots, ...seen });
  return await serverInfo({ settings, temporal: quiet(stack), accounts: [], clientRoots, findings });
}

describe('server_info', () => {
  it('has what a client asks for: providers with what they can, folders, limits, what is allowed, and how Temporal stands', async () => {
    const stack = stackStatus(folder(), { state: 'preparing', preparation: { step: 'building the Temporal server with Go', percent: 40, seconds_left: 120 } });
    const env = { IMAGE_ALLOW_AGENT_DOUBLE_CHARGE: '1', IMAGE_INLINE_IMAGES: 'never' };
    expect(await info(env, [], stack)).toMatchObject({
      providers: { local: { configured: true, generative: false }, openai: { configured: false, max_references: 16, mask: true } },
      default_provider: 'local',
      folders: { save_dir: join(folder(), 'pictures'), data_dir: join(folder(), 'data') },
      limits: { references_bytes: 104_857_600 },
      allowed: { agent_double_charge: true, private_reference_urls: false, inline_images: false },
      temporal: { mode: 'local', state: 'preparing', preparation: { step: expect.stringContaining('Go'), percent: 40, seconds_left: 120 } },
      findings: [{ id: 'accounts', level: 'warning' }],
    });
  });

  it('stays small, however many roots a client declares and however much is wrong', async () => {
    const roots = Array.from({ length: 60 }, (_, index) => join('/workspaces', 'a-project-with-a-long-name', 'packages', String(index)));
    const typos = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`IMAGE_DATA_DI${String.fromCharCode(65 + (index % 17))}${index}`, 'x']));
    const messages = Array.from({ length: 20 }, (_, index) => `Port ${27_000 + index} of the Temporal server is taken by another program; it is ${28_000 + index} now.`);
    const answer = await info({ ...typos, IMAGE_PROVIDER: 'gemini', TEMPORAL_NAMESPACE: 'x' }, roots, stackStatus(folder(), { messages }));
    expect(answer).toMatchObject({ more_reference_roots: expect.any(Number), more_findings: expect.any(Number) });
    expect(Buffer.byteLength(JSON.stringify({ ok: true, ...answer }))).toBeLessThan(6_000);
  });
});
