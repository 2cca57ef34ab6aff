import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256 } from '../../src/contract/canonical.js';
import type { Answer } from '../support/mcp-client.js';
import type { Scene } from './scene.js';

/**
 * Everything that is not whole: partial files in the save folder, pictures that are not what their record says, blobs that
 * are not what their name says, documents that cannot be read. Empty when all is well.
 */
export async function halfWritten(scene: Scene, ends: readonly Answer[]): Promise<string[]> {
  const faults: string[] = [];
  const files = await readdir(scene.saveRoot);
  faults.push(...files.filter((name) => name.startsWith('.') || name.includes('.partial')).map((name) => `left behind: ${name}`));
  for (const saved of ends.flatMap((end) => end.result?.saved ?? [])) {
    const bytes = await readFile(saved.path).catch(() => undefined);
    if (bytes === undefined) faults.push(`missing: ${saved.path}`);
    else if (sha256(bytes) !== saved.sha256 || bytes.length !== saved.size_bytes) faults.push(`not as recorded: ${saved.path}`);
  }
  // getBlob gives nothing for bytes that are not those of the name.
  for await (const blob of scene.store.listBlobs()) {
    if ((await scene.store.getBlob(blob.sha256)) === undefined) faults.push(`damaged blob: ${blob.sha256}`);
  }
  for await (const { job_id: jobId } of scene.manifests.list((key) => faults.push(`unreadable: ${key}`))) await scene.records(jobId);
  return faults;
}

/** The files below a folder that hold a text, in whatever else they hold. */
export async function filesWith(folder: string, text: string): Promise<{ found: string[]; files: number }> {
  const found: string[] = [];
  let files = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const bytes = await readFile(path).catch(() => undefined);
    if (bytes === undefined) continue;
    files += 1;
    if (bytes.includes(text)) found.push(path);
  }
  return { found, files };
}
