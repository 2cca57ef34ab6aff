import { fileURLToPath } from 'node:url';

/** Serves MCP on stdin and stdout. A person who started it by hand is told how a client would. */
export async function stdio(): Promise<void> {
  if (process.stdin.isTTY) process.stderr.write(clientConfiguration());
  const { serveStdio } = await import('../mcp/stdio.js');
  await serveStdio();
}

/** Absolute paths: clients with a window pass a PATH that has no Node of a version manager. */
function clientConfiguration(): string {
  const command = fileURLToPath(new URL('../cli.js', import.meta.url));
  const configuration = {
    mcpServers: {
      'durable-image-mcp': { command: process.execPath, args: [command], env: { OPENAI_API_KEY: 'your key' } },
    },
  };
  return [
    'durable-image-mcp speaks MCP on stdin and stdout, for a client to start. Put this into your client’s configuration',
    '(without env it draws previews, with no image model); Ctrl-C ends this one.',
    '',
    JSON.stringify(configuration, null, 2),
    '',
    '',
  ].join('\n');
}
