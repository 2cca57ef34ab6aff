import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

/** What somebody else does to the disk right before or after a call of the product. */
export interface Interruption {
  call: 'open' | 'stat';
  /** How the path ends. */
  on: string;
  before?: () => void;
  after?: () => void;
}

/**
 * Interrupts the next such calls below the folder, each once, and notes what is opened there.
 * The names that the product imports from node:fs/promises follow, since their bindings are live.
 */
export function interrupt(folder: string, interruptions: readonly Interruption[]): { opened: string[]; restore: () => void } {
  const { open, stat } = promises;
  const left = [...interruptions];
  const opened: string[] = [];
  const around = async <T>(call: Interruption['call'], path: unknown, work: () => Promise<T>): Promise<T> => {
    if (typeof path !== 'string' || !path.startsWith(folder)) return work();
    if (call === 'open') opened.push(path);
    const at = left.findIndex((one) => one.call === call && path.endsWith(one.on));
    const [now] = at === -1 ? [] : left.splice(at, 1);
    now?.before?.();
    try {
      return await work();
    } finally {
      now?.after?.();
    }
  };
  Object.assign(promises, {
    open: (...args: Parameters<typeof open>) => around('open', args[0], () => open(...args)),
    stat: (...args: Parameters<typeof stat>) => around('stat', args[0], () => stat(...args)),
  });
  syncBuiltinESMExports();
  return {
    opened,
    restore() {
      Object.assign(promises, { open, stat });
      syncBuiltinESMExports();
    },
  };
}
