import { randomUUID } from 'node:crypto';
import { open, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { unlessAbsent } from '../blobs/durable-folder.js';
import { readJson, writeWhole } from './claim.js';
import { minorOf } from './temporal-version.js';

const databaseSchema = z.object({ database_id: z.string().min(1), server_version: z.string().regex(/^\d+\.\d+\.\d+$/) });
export type Database = z.infer<typeof databaseSchema>;

export function databasePath(dataDir: string): string {
  return join(dataDir, 'temporal.db');
}

/**
 * What is known of the server's database, `<data>/database.json`. Manifests name the database_id that their job was started
 * in: one that is new says that the jobs of the old one are lost to Temporal. Patch releases of a server share the
 * format; a database of another minor, or one that is damaged, is set aside, never deleted.
 */
export async function openDatabase(
  dataDir: string,
  serverVersion: string,
  knownAsDamaged: boolean,
): Promise<{ database: Database; messages: string[] }> {
  const path = databasePath(dataDir);
  const known = await readDatabase(dataDir);
  const exists = (await unlessAbsent(stat(path))) !== undefined;
  const why = await reasonAgainst(path, exists, known, serverVersion, knownAsDamaged);
  if (exists && why === undefined && known) {
    if (known.server_version !== serverVersion) await save(dataDir, { ...known, server_version: serverVersion });
    return { database: known, messages: [] };
  }
  // What a missing database left behind goes with it.
  const name = await setAside(path);
  const database = { database_id: randomUUID(), server_version: serverVersion };
  await save(dataDir, database);
  const lost = exists
    ? `The database ${why ?? 'was not usable'}; it was set aside as ${name}, and open jobs are started again.`
    : 'The database was missing; a new one was made, and open jobs are started again.';
  return { database, messages: exists || known ? [lost] : [] };
}

async function reasonAgainst(
  path: string,
  exists: boolean,
  known: Database | undefined,
  serverVersion: string,
  knownAsDamaged: boolean,
): Promise<string | undefined> {
  if (!exists) return undefined;
  if (known === undefined) return 'is of an unknown Temporal server';
  if (minorOf(known.server_version) !== minorOf(serverVersion)) {
    return `was made by Temporal server ${known.server_version}, and the one here is ${serverVersion}`;
  }
  return knownAsDamaged || !(await isSqlite(path)) ? 'is damaged' : undefined;
}

async function save(dataDir: string, database: Database): Promise<void> {
  await writeWhole(join(dataDir, 'database.json'), database);
}

export async function readDatabase(dataDir: string): Promise<Database | undefined> {
  return await readJson(databaseSchema, join(dataDir, 'database.json'));
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
