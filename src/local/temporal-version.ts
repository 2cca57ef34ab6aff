import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { promisify } from 'node:util';

/** The pinned release, and the minor version of the server in it. */
export const PINNED_CLI_VERSION = '1.5.1';
export const PINNED_SERVER_MINOR = '1.29';

export interface TemporalVersion {
  cli: string;
  /** As 1.29.1. */
  server: string;
}

/** What `temporal --version` says; throws an Error in one short sentence when the file is no such program. */
export async function readTemporalVersion(path: string): Promise<TemporalVersion> {
  try {
    await access(path, constants.X_OK);
  } catch {
    throw new Error(`${path} is not an executable file`);
  }
  let output: string;
  try {
    // A first run reads a quarter of a gigabyte from the disk.
    output = (await promisify(execFile)(path, ['--version'], { timeout: 30_000, env: { HOME: process.env['HOME'] ?? '/' } })).stdout;
  } catch {
    throw new Error(`${path} --version fails`);
  }
  // "temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)"
  const match = /version (\S+) \(Server (\d+\.\d+\.\d+)/.exec(output);
  if (match?.[1] === undefined || match[2] === undefined) throw new Error(`${path} is not the temporal command line program`);
  return { cli: match[1], server: match[2] };
}

/** 1.29 of 1.29.1: patch releases share the database format. */
export function minorOf(version: string): string {
  return version.split('.').slice(0, 2).join('.');
}
