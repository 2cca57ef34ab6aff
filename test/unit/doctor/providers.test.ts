import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { accounts } from '../../../src/doctor/checks/accounts.js';
import { credentialsFile } from '../../../src/doctor/checks/credentials-file.js';
import { defaultProvider } from '../../../src/doctor/checks/default-provider.js';
import { providerAddresses } from '../../../src/doctor/checks/provider-addresses.js';
import type { DoctorContext } from '../../../src/doctor/context.js';
import type { Finding } from '../../../src/doctor/finding.js';
import { runChecks } from '../../../src/doctor/run-checks.js';
import { contextOf, levels, look, stackStatus, useFolder } from './support.js';

const KEY = 'sk-canary-of-the-doctor';
const folder = useFolder();

async function credentials(text: string, mode = 0o600): Promise<string> {
  await mkdir(join(folder(), 'data'), { recursive: true, mode: 0o700 });
  const path = join(folder(), 'data', 'credentials.env');
  await writeFile(path, text, { mode });
  return path;
}

/** Of a check that may refuse as a whole, and never with a key in it. */
async function found(check: typeof accounts, context: DoctorContext): Promise<Finding[]> {
  const findings = (await runChecks([check], context, 5_000)).flatMap((area) => area.findings);
  expect(JSON.stringify(findings)).not.toContain('canary');
  return findings;
}

describe('the credentials file', () => {
  it('need not be there, unless it is named', async () => {
    expect(await found(credentialsFile, contextOf(folder()))).toEqual([]);
    const context = contextOf(folder(), { IMAGE_CREDENTIALS_FILE: join(folder(), 'gone.env') });
    expect(await found(credentialsFile, context)).toMatchObject([{ level: 'warning', message: expect.stringContaining('gone.env') }]);
  });

  it('that others can read is refused', async () => {
    const path = await credentials(`OPENAI_API_KEY=${KEY}\n`, 0o640);
    expect(await found(credentialsFile, contextOf(folder()))).toMatchObject([{ level: 'error', remedy: expect.stringContaining(`chmod 600 '${path}'`) }]);
  });

  it('that is no list of variables is refused by the line', async () => {
    await credentials(`# mine\n${KEY}\n`);
    expect(await found(credentialsFile, contextOf(folder()))).toMatchObject([{ level: 'error', message: expect.stringContaining('Line 2') }]);
  });

  it('with a base URL that is none is refused by the name', async () => {
    await credentials(`OPENAI_API_KEY=${KEY}\nOPENAI_BASE_URL=canary\n`);
    expect(await found(credentialsFile, contextOf(folder()))).toMatchObject([{ level: 'error', message: expect.stringContaining('OPENAI_BASE_URL') }]);
  });

  it('names unknown variables with the nearest known one, and no value', async () => {
    await credentials(`OPENAI_API_KEY=${KEY}\nOPENAI_BASEURL=https://canary\nopenai_image_modell=canary\nIMAGE_PROVIDER=canary\nSOMETHING_ELSE=${KEY}\n`);
    const [first, ...others] = await found(credentialsFile, contextOf(folder()));
    expect(first).toMatchObject({ level: 'ok', message: expect.stringContaining('openai') });
    expect(levels(others)).toEqual(['warning', 'warning', 'warning', 'warning']);
    expect(others[0]).toMatchObject({ message: expect.stringContaining('OPENAI_BASEURL'), remedy: expect.stringContaining('OPENAI_BASE_URL') });
    expect(others[1]).toMatchObject({ remedy: expect.stringContaining('OPENAI_IMAGE_MODEL') });
    expect(others[2]).toMatchObject({ message: expect.stringContaining('IMAGE_PROVIDER'), remedy: expect.stringContaining('environment') });
    expect(others[3]).toMatchObject({ message: expect.stringContaining('SOMETHING_ELSE'), remedy: expect.stringContaining('GEMINI_API_KEY') });
  });

  it('shows no key that was pasted without its name', async () => {
    await credentials('skcanary0123456789abcdefABCDEF==\n');
    const findings = await found(credentialsFile, contextOf(folder()));
    expect(levels(findings)).toEqual(['warning', 'warning']);
    expect(JSON.stringify(findings)).not.toContain('0123456789');
  });
});

describe('accounts', () => {
  const openai = { OPENAI_API_KEY: KEY };

  it('none at all: pictures are previews', async () => {
    expect(await found(accounts, contextOf(folder()))).toMatchObject([{ level: 'warning', message: expect.stringContaining('No image model'), remedy: expect.stringContaining('OPENAI_API_KEY') }]);
  });

  it('only those of other clients: not for jobs from here', async () => {
    const stack = stackStatus(folder(), { accounts: [{ provider: 'openai', id: '01234567', base_url: 'https://api.openai.com/v1', source: 'client' }] });
    expect(await found(accounts, contextOf(folder(), {}, { stack }))).toMatchObject([{ level: 'warning', message: expect.stringContaining('only other clients') }]);
  });

  it('one here, or one in the credentials file, is enough', async () => {
    expect(await found(accounts, contextOf(folder(), openai))).toMatchObject([
      { level: 'ok', message: expect.stringMatching(/^openai has .*https:\/\/api\.openai\.com\/v1/) },
      { level: 'ok', message: expect.stringMatching(/^openai-images has /) },
    ]);
    await credentials(`OPENAI_API_KEY=${KEY}\n`);
    expect(await found(accounts, contextOf(folder()))).toEqual([]);
  });

  it('a key of any provider is enough', async () => {
    const findings = await found(accounts, contextOf(folder(), { XAI_API_KEY: KEY }));
    expect(findings).toMatchObject([{ level: 'ok', message: expect.stringMatching(/^xai has /) }]);
  });

  it('a base URL or a model without the key of its family counts for nothing', async () => {
    const findings = await found(accounts, contextOf(folder(), { ...openai, EFLOWCODE_BASE_URL: 'https://x.test/v1', EFLOWCODE_MODEL: 'm' }));
    expect(findings.filter(({ level }) => level === 'warning')).toMatchObject([
      { message: expect.stringContaining('EFLOWCODE_BASE_URL and EFLOWCODE_MODEL'), remedy: expect.stringContaining('EFLOWCODE_API_KEY') },
    ]);
  });

  it('the second key of one provider counts for nothing', async () => {
    const findings = await found(accounts, contextOf(folder(), { ...openai, EF_API_KEY: `${KEY}2` }));
    expect(findings.filter(({ level }) => level === 'warning')).toMatchObject([{ message: expect.stringMatching(/^OPENAI_API_KEY counts for nothing, because EF_API_KEY/) }]);
  });

  it.each([
    ['OPENAI_BASE_URL', 'ftp://canary'],
    ['OPENAI_API_KEY', 'sk-canary with blanks'],
  ])('a %s that cannot be used is an error', async (name, value) => {
    expect(await found(accounts, contextOf(folder(), { ...openai, [name]: value }))).toMatchObject([{ level: 'error', message: expect.stringContaining(name) }]);
  });

  it('a key that leaves this machine unencrypted is told', async () => {
    const far = await found(accounts, contextOf(folder(), { ...openai, OPENAI_BASE_URL: 'http://gateway.test/v1' }));
    expect(far.filter(({ level }) => level === 'warning')).toMatchObject([{ message: expect.stringContaining('http://gateway.test/v1') }]);
    expect(levels(await found(accounts, contextOf(folder(), { ...openai, OPENAI_BASE_URL: 'http://127.0.0.1:8080/v1' })))).toEqual(['ok', 'ok']);
  });

  it('a server of one’s own needs no key, and its key no less than its URL', async () => {
    const here = await found(accounts, contextOf(folder(), { SDCPP_BASE_URL: 'http://gpu.test:1234' }));
    expect(here).toMatchObject([{ level: 'ok', message: expect.stringContaining('sdcpp is set up in this environment, without a key, at http://gpu.test:1234') }]);
    const guarded = await found(accounts, contextOf(folder(), { SDCPP_BASE_URL: 'http://gpu.test:1234', SDCPP_API_KEY: KEY }));
    expect(guarded).toMatchObject([{ level: 'ok', message: expect.stringContaining('has a key') }, { level: 'warning', message: expect.stringContaining('unencrypted') }]);
    const lonely = await found(accounts, contextOf(folder(), { ...openai, SDCPP_API_KEY: KEY }));
    expect(lonely.filter(({ level }) => level === 'warning')).toMatchObject([{ message: expect.stringMatching(/^SDCPP_API_KEY counts for nothing, because SDCPP_BASE_URL/) }]);
  });

  it('with a remote Temporal those of this environment are ignored', async () => {
    const findings = await found(accounts, contextOf(folder(), { ...openai, TEMPORAL_ADDRESS: 'x:7233' }));
    expect(findings).toMatchObject([{ level: 'warning', message: expect.stringMatching(/OPENAI_API_KEY.*ignored/) }]);
    expect(await found(accounts, contextOf(folder(), { TEMPORAL_ADDRESS: 'x:7233' }))).toEqual([]);
  });
});

describe('the default provider', () => {
  it('is the one with a key, else local', async () => {
    expect(await look(defaultProvider, contextOf(folder()))).toMatchObject([{ level: 'ok', message: expect.stringContaining('local') }]);
    expect(await look(defaultProvider, contextOf(folder(), { OPENAI_API_KEY: KEY }))).toMatchObject([{ level: 'ok', message: expect.stringContaining('openai') }]);
  });

  it.each([
    ['dall-e', 'there is no provider "dall-e"'],
    ['xai', 'no account here'],
    ['openai', 'no account here'],
    ['sdcpp', 'no account here'],
  ])('%s: %s', async (name, words) => {
    expect(await look(defaultProvider, contextOf(folder(), { IMAGE_PROVIDER: name }))).toMatchObject([{ level: 'error', message: expect.stringContaining(words) }]);
  });

  it('may have its key in the credentials file, or with the workers', async () => {
    expect(levels(await look(defaultProvider, contextOf(folder(), { IMAGE_PROVIDER: 'gpt', TEMPORAL_ADDRESS: 'x:7233' })))).toEqual(['ok']);
    await credentials(`OPENAI_API_KEY=${KEY}\n`);
    expect(levels(await look(defaultProvider, contextOf(folder(), { IMAGE_PROVIDER: 'gpt' })))).toEqual(['ok']);
  });
});

describe('the addresses of providers', () => {
  const servers: Server[] = [];
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
  });

  async function listen(onSocket: (socket: Socket) => void): Promise<number> {
    const server = createServer(onSocket);
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const { port }: AddressInfo = address;
    return port;
  }

  const at = (url: string): DoctorContext => contextOf(folder(), { OPENAI_API_KEY: KEY, OPENAI_BASE_URL: url, IMAGE_CONNECT_TIMEOUT_SECONDS: '0.3' });

  it('take connections, and nothing is sent over them', async () => {
    const received: Buffer[] = [];
    const ended = new Promise<void>((resolve) => {
      void listen((socket) => {
        socket.on('data', (bytes: Buffer) => received.push(bytes));
        socket.on('close', resolve);
      }).then(async (port) => expect(await look(providerAddresses, at(`http://127.0.0.1:${port}/v1`))).toMatchObject([{ level: 'ok' }]));
    });
    await ended;
    expect(received).toEqual([]);
  });

  it('where nothing listens are told', async () => {
    const port = await listen(() => undefined);
    await new Promise((resolve) => servers.splice(0)[0]?.close(resolve));
    expect(await look(providerAddresses, at(`http://127.0.0.1:${port}/v1`))).toMatchObject([{ level: 'error', message: expect.stringContaining('nothing listens') }]);
  });

  it('that speak no TLS are told, and get no key', async () => {
    let received = '';
    const port = await listen((socket) => {
      socket.on('data', (bytes: Buffer) => {
        received += bytes.toString('latin1');
        socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
      });
      socket.on('error', () => undefined);
    });
    expect(await look(providerAddresses, at(`https://127.0.0.1:${port}/v1`))).toMatchObject([{ level: 'error' }]);
    expect(received).not.toContain('canary');
  });

  it('that never answer are not waited for', async () => {
    const port = await listen((socket) => void socket.on('error', () => undefined).resume());
    expect(await look(providerAddresses, at(`https://127.0.0.1:${port}/v1`))).toMatchObject([{ level: 'error', message: expect.stringContaining('no answer') }]);
  });

  it('whose names nobody knows are told', async () => {
    expect(await look(providerAddresses, at('https://doctor.invalid/v1'))).toMatchObject([{ level: 'error', message: expect.stringContaining('doctor.invalid') }]);
  });
});
