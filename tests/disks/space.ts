/**
 * Takes space away from a file system and gives it back.
 *
 * @module
 */

import { codes } from "./report.ts";

/** A file that takes all the space that there is. */
export class Filler {
  readonly #path: string;

  /** Begins with nothing. */
  constructor(path: string) {
    this.#path = path;
  }

  /** Takes all the space that there is now. */
  fill(): void {
    using file = Deno.openSync(this.#path, { create: true, append: true });
    for (const length of [65_536, 4096, 512]) {
      const piece = new Uint8Array(length);
      try {
        while (file.writeSync(piece) === length);
      } catch (error) {
        if (!codes(error).includes("ENOSPC")) throw error;
      }
    }
  }

  /** Gives the space back. */
  free(): void {
    Deno.removeSync(this.#path);
  }
}
