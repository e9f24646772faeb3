// How long to wait before the next try: longer each time, and not all viewers at once.

export const FIRST_MS = 250;
export const LONGEST_MS = 8000;

export class Backoff {
  constructor() {
    this.tries = 0;
  }

  /** Return what to wait in milliseconds, and count the try. */
  next() {
    const plain = Math.min(FIRST_MS * 2 ** this.tries, LONGEST_MS);
    this.tries += 1;
    return plain * (0.75 + Math.random() / 2);
  }

  /** It worked. */
  reset() {
    this.tries = 0;
  }
}
