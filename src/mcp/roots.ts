import { fileURLToPath } from 'node:url';
import type { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { RootsListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import * as z from 'zod';

/** A client that declares roots and does not name them must not hold up the first call for long. */
const ANSWER_SECONDS = 2;

/** The SDK's own schema loses the whole list when one root is not a file. */
const rootsSchema = z.looseObject({ roots: z.array(z.looseObject({ uri: z.string() })) });

export interface ClientRoots {
  /** Settles when the client has named its roots, or has not done so in time. Never rejects. */
  settled: () => Promise<void>;
}

/**
 * Asks the client for its roots once it is initialized and whenever they change; `onRoots` gets the folders, `file:` ones only.
 * A client without the capability, or without an answer, has none.
 */
export function followRoots(server: Server, onRoots: (paths: string[]) => void, onError: (error: unknown) => void): ClientRoots {
  let latest: Promise<void> = Promise.resolve();
  const ask = async (): Promise<void> => {
    try {
      const { roots } = await server.request({ method: 'roots/list' }, rootsSchema, { timeout: ANSWER_SECONDS * 1000 });
      onRoots(roots.flatMap(({ uri }) => filePath(uri) ?? []));
    } catch (error) {
      onError(error);
    }
  };
  const follow = (): void => {
    if (server.getClientCapabilities()?.roots !== undefined) latest = ask();
  };
  server.oninitialized = follow;
  server.setNotificationHandler(RootsListChangedNotificationSchema, follow);
  return { settled: () => latest };
}

function filePath(uri: string): string | undefined {
  try {
    return uri.startsWith('file:') ? fileURLToPath(uri) : undefined;
  } catch {
    return undefined;
  }
}
