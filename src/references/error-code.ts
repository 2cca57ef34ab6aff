/** The code of an error of Node (ENOENT, ECONNREFUSED, ERR_OUT_OF_RANGE …); undefined where there is none. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
