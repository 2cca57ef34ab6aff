import { createRequire } from 'node:module';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { describe, expect, it } from '@jest/globals';
import * as z from 'zod';
import { KEY_VARIABLES } from '../../../src/accounts/environment.js';
import { CLI } from '../../support/e2e.js';
import { blocksOf, textOf } from './documents.js';

const packageSchema = z.object({ name: z.string(), version: z.string(), bin: z.record(z.string(), z.string()) });

/** The TOML parser of Temporal's own configuration, which is TOML too. */
const { parse: parseToml } = z
  .object({ parse: z.function({ input: [z.string()], output: z.unknown() }) })
  .parse(createRequire(createRequire(import.meta.url).resolve('@temporalio/envconfig'))('smol-toml'));

const server = z.object({ command: z.string(), args: z.array(z.string()), env: z.record(z.string(), z.string()).optional() });
const servers = z.record(z.string(), server);
const configuration = z.union([
  z.object({ mcpServers: servers }).transform((given) => given.mcpServers),
  z.object({ mcp_servers: servers }).transform((given) => given.mcp_servers),
  z.object({ servers }).transform((given) => given.servers),
]);
type Server = z.infer<typeof server>;

const NODES = ['node', '/absolute/path/to/node'];
const PATH = '/path/to/durable-image-mcp/dist/cli.js';

const CLIENTS = ['Claude Code', 'Claude Desktop', 'Codex', 'Cursor', 'VS Code', 'Gemini CLI', 'Any other client'];

const page = await textOf('docs/clients.md');
const ways = page.split(/^## /m).flatMap((section) => {
  const [client = ''] = section.split('\n', 1);
  const configurations = [...blocksOf(section, 'json').map((text): unknown => JSON.parse(text)), ...blocksOf(section, 'toml').map((text) => parseToml(text))];
  const commands = blocksOf(section, 'sh').flatMap((block) => block.split('\n')).filter((line) => / mcp add /.test(line));
  return [...configurations.map(onlyServer), ...commands.map(serverOf)].map((way) => ({ client, way }));
});

function onlyServer(block: unknown): Server {
  const found = configuration.parse(block);
  expect(Object.keys(found)).toEqual(['durable-image-mcp']);
  return server.parse(found['durable-image-mcp']);
}

/** What a client's own command is told to start. */
function serverOf(line: string): Server {
  expect(line).toMatch(/^\w+ mcp add [^|&;]*\bdurable-image-mcp\b/);
  const words = line.split(' ');
  const [command = '', ...args] = words.slice(words.findIndex((word) => word === 'node' || word === 'npx'));
  return { command, args: args.filter((word) => word !== '--') };
}

describe('docs/clients.md', () => {
  it.each(CLIENTS)('tells how to start the server from %s', (client) => {
    const commands = ways.filter((one) => one.client === client).map(({ way }) => way.command);
    expect(commands.filter((command) => NODES.includes(command)).length).toBeGreaterThan(0);
    if (client !== 'Any other client') expect(commands).toContain('npx');
  });

  it.each(ways)('$client starts it with $way.command $way.args', async ({ way: { command, args, env = {} } }) => {
    for (const name of Object.keys(env)) expect(KEY_VARIABLES).toContain(name);
    if (command === 'npx') {
      const { name, bin } = packageSchema.parse(JSON.parse(await textOf('package.json')));
      expect(args).toEqual(['-y', name]);
      expect(bin).toEqual({ [name]: 'dist/cli.js' });
      return;
    }
    expect(NODES).toContain(command);
    const transport = new StdioClientTransport({ command: process.execPath, args: args.map((word) => (word === PATH ? CLI : word)) });
    const client = new Client({ name: 'test', version: '1' });
    await client.connect(transport);
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('image_generate_async');
    await client.close();
  });

  it('names the package as npm packs it', async () => {
    const { name, version } = packageSchema.parse(JSON.parse(await textOf('package.json')));
    expect(page).toContain(`npm install --global ./${name}-${version}.tgz`);
  });
});
