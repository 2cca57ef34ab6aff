import { pino, type Logger } from 'pino';

export type { Logger };

/** Structured lines on stderr, always: stdout may carry JSON-RPC. Written synchronously, so that a crash loses none. */
export function createLogger(level: string, name: string): Logger {
  return pino(
    {
      name,
      level,
      redact: { paths: ['key', '*.key', 'authorization', '*.authorization', 'headers', '*.headers'], remove: true },
      base: { pid: process.pid },
    },
    pino.destination({ dest: 2, sync: true }),
  );
}
