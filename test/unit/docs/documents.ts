import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** The text of a file of this repository. */
export async function textOf(name: string): Promise<string> {
  return await readFile(join(ROOT, name), 'utf8');
}

/** README.md and every page of docs/, by their names below the root. */
export async function documents(): Promise<string[]> {
  const pages = (await readdir(join(ROOT, 'docs'))).filter((name) => name.endsWith('.md'));
  return ['README.md', ...pages.map((name) => join('docs', name))];
}

/** The TypeScript sources below a folder, by their names below the root. */
export async function sources(folder: string): Promise<string[]> {
  const entries = await readdir(join(ROOT, folder), { recursive: true });
  return entries.filter((name) => name.endsWith('.ts')).map((name) => join(folder, name));
}

/** The fenced blocks of a page in a language, such as json. */
export function blocksOf(text: string, language: string): string[] {
  return [...text.matchAll(new RegExp(String.raw`^ *\`\`\`${language}\n([\s\S]*?)^ *\`\`\`$`, 'gm'))].map(([, block]) => block ?? '');
}
