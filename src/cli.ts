#!/usr/bin/env node
/** The command. Without a command it serves MCP, and then loads nothing else: clients wait for the first answer. */
const [command, ...rest] = process.argv.slice(2);

if (rest.length === 0 && (command === undefined || command === 'stdio')) {
  const { stdio } = await import('./cli/stdio.js');
  await stdio();
} else {
  const { runCommand } = await import('./cli/program.js');
  await runCommand(process.argv);
}
