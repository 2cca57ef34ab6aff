import { pino } from 'pino';
import { readSettings } from '../../src/config.js';
import { findTemporalBinary } from '../../src/local/temporal-binary.js';

/** The temporal program, found or made by the product's own search: tests need nothing that a user would not have. */
export async function temporalBinary(): Promise<string> {
  const { path } = await findTemporalBinary({
    settings: readSettings(process.env),
    env: process.env,
    logger: pino({ level: 'silent' }),
    onProgress: () => undefined,
    onMessage: () => undefined,
    signal: new AbortController().signal,
  });
  return path;
}
