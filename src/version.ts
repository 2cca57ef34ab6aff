/** As in package.json (a test compares them): a constant, because initialize is answered before any file is read. */
export const VERSION = '0.1.0';
