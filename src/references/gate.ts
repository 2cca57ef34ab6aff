/** Lets at most `places` tasks run at a time; the others wait in the order in which they came. */
export function createGate(places: number): <T>(task: () => Promise<T>) => Promise<T> {
  let free = places;
  const waiting: (() => void)[] = [];
  return async (task) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await task();
    } finally {
      // The place goes to the next in line directly, so that no newcomer slips in between.
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
}
