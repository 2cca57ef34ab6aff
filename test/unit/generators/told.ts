import { expect } from '@jest/globals';

/** Everything of an outcome or error that anybody could write down. */
export function told(value: unknown): string {
  return JSON.stringify(value, (_name, part: unknown) =>
    part instanceof Error ? { fields: Object.entries(part), message: part.message, stack: part.stack, cause: part.cause } : part,
  );
}

/** What a promise fails with, which never holds the key. */
export function failuresWithout(key: string): (promise: Promise<unknown> | undefined) => Promise<unknown> {
  return async (promise) => {
    try {
      await promise;
    } catch (error) {
      expect(told(error)).not.toContain(key);
      return error;
    }
    throw new Error('it did not fail');
  };
}
