/**
 * The records of an application that keeps its own in a log, as they look to somebody without its model:
 * they are in their places and their checksums are right; what they say is not looked at.
 *
 * A log that is opened with this model is continued and not restated: every segment is kept, and the
 * application's own model reads all of them at its next opening. So does a coordinator's, if nobody could tell that
 * the log is a coordinator's.
 *
 * @module
 */

import { FIRST_APPLICATION_TAG, type LogModel } from "./model.ts";

/** A record of an application, of which nothing is kept. */
export type ApplicationEntry = "application";

/** The model of a log whose own model is not at hand. */
export class ApplicationRecords implements LogModel<ApplicationEntry> {
  #hasRead = false;

  /** Whether a record of an application was read. */
  get hasRead(): boolean {
    return this.#hasRead;
  }

  encode(): never {
    throw new TypeError(
      "Cannot append an application's record: its bytes are its model's to make, use that model",
    );
  }

  decode(body: Uint8Array): ApplicationEntry | null {
    if ((body[0] ?? 0) < FIRST_APPLICATION_TAG) return null;
    this.#hasRead = true;
    return "application";
  }

  reset(): void {}

  apply(): void {}

  checkpoint(): null {
    return null;
  }
}
