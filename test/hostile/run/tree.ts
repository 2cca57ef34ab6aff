import { cpSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformSync } from '@swc/core';
import type { Edit } from '../case.js';

/** The product's sources and the runner of the table, compiled into a folder of their own, where a guard can be switched off. */

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** What the runner needs beside the product. */
const RUNNER = ['test/hostile/case.ts', 'test/hostile/cases', 'test/hostile/guards', 'test/hostile/run', 'test/support/hostile-images.ts'];

export const CHILD = 'test/hostile/run/child.js';

export function makeTree(folder: string): void {
  const sources = ['src', ...RUNNER].flatMap((name) => (name.endsWith('.ts') ? [name] : typescriptBelow(name)));
  for (const name of sources) write(folder, name, readFileSync(join(ROOT, name), 'utf8'));
  cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'));
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
}

/** The same tree in another folder, with a guard switched off. Throws when the text of a guard is not there, or not once. */
export function makeTreeWithout(edits: readonly Edit[], tree: string, folder: string): void {
  const changed = new Map<string, string>();
  for (const { file, find, replace } of edits) {
    const name = `src/${file}`;
    const text = changed.get(name) ?? readFileSync(join(ROOT, name), 'utf8');
    const times = text.split(find).length - 1;
    if (times !== 1) throw new Error(`${name} has this text ${times} times: ${find}`);
    changed.set(name, text.replace(find, () => replace));
  }
  cloneLinks(tree, folder);
  for (const [name, text] of changed) write(folder, name, text);
}

function typescriptBelow(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name));
}

function write(folder: string, name: string, text: string): void {
  const path = join(folder, name.replace(/\.ts$/, '.js'));
  const { code } = transformSync(text, {
    filename: name,
    jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
    module: { type: 'es6' },
  });
  mkdirSync(dirname(path), { recursive: true });
  // It may be a link to the file of another tree.
  rmSync(path, { force: true });
  writeFileSync(path, code);
}

function cloneLinks(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) cloneLinks(source, target);
    else if (entry.isSymbolicLink()) symlinkSync(join(ROOT, 'node_modules'), target);
    else linkSync(source, target);
  }
}
