import { shown } from '../references/shown.js';

/** What breaks a line is a space, so that words stay apart. */
const LINE_BREAKS = /[\t\n\v\f\r\u0085\u2028\u2029]+/g;

/** Foreign text (a prompt, a provider's words, a path) for a terminal: one line, and nothing in it moves the cursor, hides or reorders. */
export function plain(text: string): string {
  return shown(text.replace(LINE_BREAKS, ' '), Number.POSITIVE_INFINITY);
}
