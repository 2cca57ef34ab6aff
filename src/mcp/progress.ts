/** A host hears at least every ten seconds that the call is alive, also when a busy machine is late. */
export const PROGRESS_SECONDS = 8;

export interface ProgressReporter {
  /** The first message is sent at once; later ones take their turn. */
  report: (message: string) => void;
  stop: () => void;
}

/** Reports of one call: `progress` is the seconds since its start, so that it always grows. */
export function startProgress(send: (progress: number, message: string) => void): ProgressReporter {
  const startedAt = performance.now();
  let latest: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  return {
    report: (message) => {
      latest = message;
      if (timer !== undefined) return;
      send(0, latest);
      timer = setInterval(() => send(Math.round(performance.now() - startedAt) / 1000, latest ?? ''), PROGRESS_SECONDS * 1000);
      timer.unref();
    },
    stop: () => clearInterval(timer),
  };
}
