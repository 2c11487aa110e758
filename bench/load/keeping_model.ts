/**
 * Entries that are bytes, all of which are kept in the log and none in memory.
 *
 * @module
 */

import type { LogModel } from "../../src/wal/mod.ts";

/** The number of entries that are in a log. */
export class KeepingModel implements LogModel<Uint8Array> {
  /** How many have been applied since the log began to be read. */
  count = 0;

  encode(entry: Uint8Array): Uint8Array {
    return entry;
  }

  decode(body: Uint8Array): Uint8Array {
    return body;
  }

  reset(): void {
    this.count = 0;
  }

  apply(): void {
    this.count++;
  }

  checkpoint(): null {
    return null;
  }
}
