/** Lets the work under one name be done one at a time in this process, in the order of asking. */
export class InLine {
  /** The last in line, by name. */
  readonly #lines = new Map<string, Promise<void>>();

  async wait<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.#lines.get(name);
    let finish = (): void => {};
    const line = new Promise<void>((resolve) => {
      finish = resolve;
    });
    this.#lines.set(name, line);
    try {
      await before;
      return await work();
    } finally {
      finish();
      if (this.#lines.get(name) === line) this.#lines.delete(name);
    }
  }
}
