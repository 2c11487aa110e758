/**
 * A log directory that can be put back to what it was, so that the same log is opened again and again. An
 * opening begins a new segment and removes the old ones; a directory that was copied is refused.
 *
 * @module
 */

import { LOCK_NAME } from "../../src/wal/lock.ts";

/** The state of a log directory at one time. */
export class SavedLog {
  readonly #directory: string;
  readonly #saved: string;

  private constructor(directory: string, saved: string) {
    this.#directory = directory;
    this.#saved = saved;
  }

  /**
   * Saves what is there. Segments are linked, not copied: nobody writes to them any more.
   *
   * @param directory The log directory; nobody may have it open.
   * @param saved Where to; is made.
   */
  static async save(directory: string, saved: string): Promise<SavedLog> {
    await Deno.mkdir(saved);
    await transfer(directory, saved);
    return new SavedLog(directory, saved);
  }

  /** Puts it back. The lock stays what it is: by it the log knows its directory. */
  async restore(): Promise<void> {
    for (const { name } of [...Deno.readDirSync(this.#directory)]) {
      if (name !== LOCK_NAME) await Deno.remove(`${this.#directory}/${name}`);
    }
    await transfer(this.#saved, this.#directory);
  }
}

async function transfer(from: string, to: string): Promise<void> {
  for (const { name } of [...Deno.readDirSync(from)]) {
    if (name.endsWith(".wal")) await Deno.link(`${from}/${name}`, `${to}/${name}`);
    else if (name !== LOCK_NAME) await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}
