import { randomUUID } from 'node:crypto';
import { open, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { unlessAbsent } from '../blobs/durable-folder.js';
import { parseJson, writeWhole } from './claim.js';
import { minorOf } from './temporal-version.js';

const databaseSchema = z.object({ database_id: z.string().min(1), server_version: z.string().regex(/^\d+\.\d+\.\d+$/) });
export type Database = z.infer<typeof databaseSchema>;

export function databasePath(dataDir: string): string {
  return join(dataDir, 'temporal.db');
}

/**
 * What is known of the server's database, `<data>/database.json`. Manifests name the database_id that their job was started
 * in: one that is new says that the jobs of the old one are lost to Temporal. Patch releases of a server share the
 * format; a database of another minor, or one that is no SQLite file, is set aside, never deleted.
 */
export async function openDatabase(dataDir: string, serverVersion: string): Promise<{ database: Database; messages: string[] }> {
  const path = databasePath(dataDir);
  const known = await readDatabase(dataDir);
  const messages: string[] = [];
  const setAsideFor = async (why: string): Promise<void> => {
    const name = await setAside(path);
    messages.push(`The database ${why}; it was set aside as ${name}, and open jobs are started again.`);
  };
  let exists = (await unlessAbsent(stat(path))) !== undefined;
  if (exists && known === undefined) {
    await setAsideFor('is of an unknown server version');
    exists = false;
  } else if (exists && known && minorOf(known.server_version) !== minorOf(serverVersion)) {
    await setAsideFor(`was made by Temporal server ${known.server_version} and this one is ${serverVersion}`);
    exists = false;
  } else if (exists && !(await isSqlite(path))) {
    await setAsideFor('is damaged');
    exists = false;
  } else if (!exists && known !== undefined) {
    messages.push('The database was missing; a new one was made, and open jobs are started again.');
  }
  const kept = exists ? known : undefined;
  if (kept?.server_version === serverVersion) return { database: kept, messages };
  const database = { database_id: kept?.database_id ?? randomUUID(), server_version: serverVersion };
  await writeWhole(join(dataDir, 'database.json'), database);
  return { database, messages };
}

export async function readDatabase(dataDir: string): Promise<Database | undefined> {
  const text = await unlessAbsent(readFile(join(dataDir, 'database.json'), 'utf8'));
  return text === undefined ? undefined : parseJson(databaseSchema, text);
}

/** Renames the database and its write-ahead log together, so that it can still be opened; gives the new name. */
async function setAside(path: string): Promise<string> {
  const target = `${path}.set-aside-${new Date().toISOString().replaceAll(':', '-')}`;
  // The log first: alone it is nothing, while a database without its log would be an older one.
  for (const suffix of ['-wal', '-shm', '-journal', '']) await unlessAbsent(rename(path + suffix, target + suffix));
  return target;
}

/** An empty file is a database that was never written; any other begins with SQLite's sixteen bytes (sqlite.org/fileformat.html). */
async function isSqlite(path: string): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(16), 0, 16, 0);
    return bytesRead === 0 || buffer.toString('latin1') === 'SQLite format 3\0';
  } finally {
    await file.close();
  }
}
