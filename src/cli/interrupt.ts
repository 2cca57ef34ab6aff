export interface Interrupt {
  /** Aborted by the first Ctrl-C or SIGTERM; a second one ends the process as usual. */
  signal: AbortSignal;
  /** Gives the signals back to the process. */
  release: () => void;
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

export function onInterrupt(): Interrupt {
  const controller = new AbortController();
  const abort = (): void => {
    controller.abort();
    release();
  };
  const release = (): void => {
    for (const name of SIGNALS) process.off(name, abort);
  };
  for (const name of SIGNALS) process.on(name, abort);
  return { signal: controller.signal, release };
}
