import { ServiceError } from '@temporalio/client';
import type { Connected } from './temporal.js';

/** By then the call itself has said that its deadline is over, where it could. */
const GRACE_MS = 50;

/**
 * What Temporal answers until the deadline (milliseconds of the clock), else a transport error. The SDK's own deadline does
 * not end its pauses between two attempts: at a server that is gone they would hold a call for seconds more.
 */
export async function inTime<T>({ connection }: Pick<Connected, 'connection'>, deadline: number, work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ServiceError('Temporal did not answer in time')), deadline - Date.now() + GRACE_MS);
  });
  try {
    return await Promise.race([connection.withDeadline(deadline, work), late]);
  } finally {
    clearTimeout(timer);
  }
}
