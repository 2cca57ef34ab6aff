import { fork, type ChildProcess, type Serializable } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformFile } from '@swc/core';

const repository = fileURLToPath(new URL('../../../../', import.meta.url));

/** A folder of its own for one test file. */
export async function temporaryFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'blobs-test-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** The store and the child programs of these tests as JavaScript, so that plain node can run them; gives the folder of the programs. */
export async function compile(into: string): Promise<string> {
  for (const folder of ['src/blobs', 'src/blobs/s3', 'src/contract', 'test/unit/blobs/support']) {
    for (const name of await readdir(join(repository, folder))) {
      if (!name.endsWith('.ts')) continue;
      const { code } = await transformFile(join(repository, folder, name), {
        swcrc: false,
        jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
        module: { type: 'es6' },
      });
      const target = join(into, folder, name.replace(/\.ts$/, '.js'));
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, code);
    }
  }
  await writeFile(join(into, 'package.json'), '{"type":"module"}');
  await symlink(join(repository, 'node_modules'), join(into, 'node_modules'));
  return join(into, 'test/unit/blobs/support');
}

/** A child program that says `ready` before it waits for messages. */
export async function start(program: string, args: readonly string[]): Promise<ChildProcess> {
  const child = fork(program, args, { execArgv: [], env: process.env, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const first: unknown = await message(child);
  if (first !== 'ready') throw new Error(`${program} said ${String(first)}`);
  return child;
}

/** The next message of a child; fails when it ends instead. */
export function message(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null): void => reject(new Error(`the child ended with ${String(code)}`));
    child.once('exit', onExit);
    child.once('message', (value: unknown) => {
      child.off('exit', onExit);
      resolve(value);
    });
  });
}

/** Sends a message and gives the answer. */
export async function ask(child: ChildProcess, question: Serializable): Promise<unknown> {
  const answer = message(child);
  child.send(question);
  return answer;
}

/** Ends a child the hard way, in the middle of whatever it does. */
export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}
