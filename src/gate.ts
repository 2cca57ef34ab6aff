/**
 * Lets tasks run at a time that take at most `places` together; the others wait in the order in which they came. A task takes
 * one place, or as many as it asks for, at most all.
 */
export function createGate(places: number): <T>(task: () => Promise<T>, wanted?: number) => Promise<T> {
  let free = places;
  const waiting: { taken: number; enter: () => void }[] = [];
  const admit = (): void => {
    // Only the first in line: a small newcomer must not keep a large one waiting for ever.
    for (let next = waiting[0]; next && next.taken <= free; next = waiting[0]) {
      waiting.shift();
      free -= next.taken;
      next.enter();
    }
  };
  return async (task, wanted = 1) => {
    const taken = Math.min(wanted, places);
    if (waiting.length === 0 && taken <= free) free -= taken;
    else await new Promise<void>((enter) => waiting.push({ taken, enter }));
    try {
      return await task();
    } finally {
      free += taken;
      admit();
    }
  };
}
