import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';

/** What V8 writes to NODE_V8_COVERAGE, as far as it is looked at: how often each range of a script ran, the inner ones last. */
const coverageSchema = z.object({
  result: z.array(
    z.object({
      url: z.string(),
      functions: z.array(z.object({ ranges: z.array(z.object({ startOffset: z.number(), endOffset: z.number(), count: z.number() })) })),
    }),
  ),
});

/** A refusal is thrown as a JobFailure, as a BrokenHeader, or by a function that makes one; what is thrown on is none. */
const REFUSALS = /\bthrow (?:await |new )?[\w.]+\(/g;

/** Refusals in the scripts below these folders of the tree that never ran, as `file: text`. */
export function unreachedRefusals(tree: string, folders: readonly string[], coverage: string): string[] {
  const scripts = new Map<string, Set<string>>();
  for (const name of readdirSync(coverage)) {
    const { result } = coverageSchema.parse(JSON.parse(readFileSync(join(coverage, name), 'utf8')));
    for (const { url, functions } of result) {
      const file = url.startsWith('file:') ? fileURLToPath(url).replace(`${tree}${sep}`, '') : '';
      if (!folders.some((folder) => file.startsWith(`${folder}/`))) continue;
      const text = readFileSync(join(tree, file), 'utf8');
      const ranges = functions.flatMap((one) => one.ranges);
      const unreached = [...text.matchAll(REFUSALS)].filter(({ index }) => countAt(index, ranges) === 0);
      const texts = new Set(unreached.map(({ index }) => text.slice(index, index + 300).replaceAll(/\s+/g, ' ').slice(0, 110)));
      // What ran in one part of the run has run.
      scripts.set(file, new Set([...texts].filter((one) => scripts.get(file)?.has(one) ?? true)));
    }
  }
  if (scripts.size === 0) throw new Error('nothing was covered');
  return [...scripts].flatMap(([file, texts]) => [...texts].map((text) => `${file.replace('.js', '.ts')}: ${text}`));
}

/** Of the innermost range around an offset. */
function countAt(offset: number, ranges: readonly { startOffset: number; endOffset: number; count: number }[]): number {
  const around = ranges.filter(({ startOffset, endOffset }) => startOffset <= offset && offset < endOffset);
  return around.toSorted((a, b) => a.endOffset - a.startOffset - (b.endOffset - b.startOffset))[0]?.count ?? 0;
}
