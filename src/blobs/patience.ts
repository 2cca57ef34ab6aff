/** How long a store over the network is waited for. */
export interface Patience {
  connectSeconds: number;
  /** Without a byte in either direction. */
  idleSeconds: number;
  attempts: number;
  /** Longest wait for another writer of the same document. */
  lockSeconds: number;
}

/** Somebody waits for the answer of a call: it is better told soon that the store is away. */
export const CALL_PATIENCE: Patience = { connectSeconds: 1, idleSeconds: 1.5, attempts: 2, lockSeconds: 3 };

/** What a worker does is tried again anyway, at the cost of an attempt. */
export const WORK_PATIENCE: Patience = { connectSeconds: 5, idleSeconds: 20, attempts: 4, lockSeconds: 60 };
