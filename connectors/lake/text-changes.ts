/** Changes of small texts that are asked for side by side, made together: a text is replaced once for all that wait, not once for each. */

/** What a text shall become. */
type Change = (before: string | null) => string;

interface Waiting {
  readonly change: Change;
  readonly settle: (failure: { readonly reason: unknown } | null) => void;
}

/** The changes of the texts of a place, by path. */
export class TextChanges {
  readonly #replace: (path: string, change: Change) => Promise<void>;
  readonly #waiting = new Map<string, Waiting[]>();

  /** @param replace replaces a text; one call at a time for each path, and `change` may be called again */
  constructor(replace: (path: string, change: Change) => Promise<void>) {
    this.#replace = replace;
  }

  /** Makes a change, after those that were asked for before. @throws what `change` throws, without harm to others; what `replace` does */
  async make(path: string, change: Change): Promise<void> {
    const failed = await new Promise<{ readonly reason: unknown } | null>((settle) => {
      const waiting = this.#waiting.get(path);
      if (waiting === undefined) {
        this.#waiting.set(path, [{ change, settle }]);
        void this.#work(path);
      } else waiting.push({ change, settle });
    });
    if (failed !== null) throw failed.reason;
  }

  async #work(path: string): Promise<void> {
    for (;;) {
      const together = this.#waiting.get(path) ?? [];
      if (together.length === 0) break;
      this.#waiting.set(path, []);
      await this.#together(path, together);
    }
    this.#waiting.delete(path);
  }

  async #together(path: string, together: readonly Waiting[]): Promise<void> {
    const failures = new Map<Waiting, { readonly reason: unknown }>();
    try {
      await this.#replace(path, (before) => {
        failures.clear();
        let text = before;
        for (const each of together) {
          try {
            text = each.change(text);
          } catch (reason) {
            failures.set(each, { reason });
          }
        }
        const [first] = failures.values();
        if (text === null || failures.size === together.length) throw first?.reason;
        return text;
      });
      for (const each of together) each.settle(failures.get(each) ?? null);
    } catch (reason) {
      for (const each of together) each.settle(failures.get(each) ?? { reason });
    }
  }
}
