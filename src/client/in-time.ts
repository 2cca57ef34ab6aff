import { ServiceError } from '@temporalio/client';
import type { Connected } from './temporal.js';

/** By then the call itself has said that its deadline is over, where it could. */
const GRACE_MS = 50;

/**
 * What Temporal answers until the deadline (milliseconds of the clock), else a transport error. The SDK's own deadline does
 * not end its pauses between two attempts: at a server that is gone they would hold a call for seconds more.
 */
export async function inTime<T>({ connection }: Pick<Connected, 'connection'>, deadline: number, work: () => Promise<T>): Promise<T> {
  return await by(deadline + GRACE_MS, connection.withDeadline(deadline, work), () => new ServiceError('Temporal did not answer in time'));
}

/** What comes until then (milliseconds of the clock), else the error. What comes later comes all the same; nobody waits for it any more. */
export async function by<T>(deadline: number, work: Promise<T>, late: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), deadline - Date.now());
  });
  try {
    return await Promise.race([work, over]);
  } finally {
    clearTimeout(timer);
  }
}
