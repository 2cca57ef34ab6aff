import { clip } from './table.js';

/** Columns of a terminal that does not tell. */
const COLUMNS = 80;

/** The last line of a terminal, which changes in place; what stays goes above it. On stderr. */
export class ChangingLine {
  #text = '';

  show(text: string): void {
    // One cell stays free: a full line makes some terminals wrap.
    this.#text = clip(text, (process.stderr.columns || COLUMNS) - 1);
    process.stderr.write(`\r\u001b[K${this.#text}`);
  }

  /** A line that stays. */
  note(text: string): void {
    process.stderr.write(`\r\u001b[K${text}\n${this.#text}`);
  }

  end(): void {
    if (this.#text !== '') process.stderr.write('\r\u001b[K');
    this.#text = '';
  }
}
