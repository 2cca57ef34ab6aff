/** Writes what the code knows into the marked regions of README.md and docs/; run after `npm run build`. A unit test fails while they differ. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withRegions } from '../dist/reference/regions.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const pages = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'));
for (const file of [join(root, 'README.md'), ...pages.map((name) => join(root, 'docs', name))]) {
  const text = readFileSync(file, 'utf8');
  const generated = withRegions(text);
  if (generated !== text) writeFileSync(file, generated);
}
