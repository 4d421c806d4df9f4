// A place in a source text, and the steps that readers of literals take. What cannot be read is an exception inside these readers and
// becomes "not convertible" at their edge: nothing is guessed.

/** Thrown where a text is not of the small grammar that is read here. */
export class NotLiteral extends Error {}

/** Nesting of what is read. */
const maxDepth = 100;

export class Cursor {
  readonly text: string;
  at = 0;
  #depth = 0;

  constructor(text: string) {
    this.text = text;
  }

  get isAtEnd(): boolean {
    return this.at >= this.text.length;
  }

  /** Steps over what `pattern` (sticky) matches here, and returns it. */
  take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found !== undefined) this.at += found.length;
    return found;
  }

  /** Steps over `token` if it stands here. */
  skip(token: string): boolean {
    if (!this.text.startsWith(token, this.at)) return false;
    this.at += token.length;
    return true;
  }

  expect(token: string): void {
    if (!this.skip(token)) throw new NotLiteral(`"${token}" expected at ${this.at}`);
  }

  nested<T>(read: () => T): T {
    if (++this.#depth > maxDepth) throw new NotLiteral("nested too deeply");
    const value = read();
    this.#depth--;
    return value;
  }

  /** What `read` returns, or undefined with the place as it was. */
  attempt<T>(read: () => T): T | undefined {
    const [at, depth] = [this.at, this.#depth];
    try {
      return read();
    } catch (error) {
      if (!(error instanceof NotLiteral)) throw error;
      this.at = at;
      this.#depth = depth;
      return undefined;
    }
  }
}
