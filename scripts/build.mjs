/** Builds dist/: the compiled sources, the executable bit of the command, and the workflow bundle that workers load. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');

rmSync(dist, { recursive: true, force: true });
const compiled = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
});
if (compiled.status !== 0) process.exit(compiled.status ?? 1);

const { bundleWorkflowCode } = await import('@temporalio/worker');
const quiet = { trace() {}, debug() {}, info() {}, warn: console.error, error: console.error, log() {} };
const { code } = await bundleWorkflowCode({ workflowsPath: join(dist, 'workflows/index.js'), logger: quiet });
mkdirSync(dist, { recursive: true });
// Its source map has this machine's folders in it and is two thirds of it; the worker wants one all the same.
const noSourceMap = Buffer.from(JSON.stringify({ version: 3, file: 'workflow-bundle.js', sources: [], names: [], mappings: '' })).toString('base64');
writeFileSync(join(dist, 'workflow-bundle.js'), code.replace(/(\/\/# sourceMappingURL=data:[^,]*base64,)\S+/, `$1${noSourceMap}`));

for (const file of ['cli.js', 'demo.js']) if (existsSync(join(dist, file))) chmodSync(join(dist, file), 0o755);
