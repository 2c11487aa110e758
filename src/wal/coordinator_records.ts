/**
 * The records of a coordinator, read by somebody who does not know whether the log is a coordinator's. It is one if a
 * record of a coordinator's own tags was read: those of the log itself stand in every log, and a log in which nothing
 * else can be read, since it is empty or damaged, may be an application's just as well.
 *
 * @module
 */

import { LiveState } from "./decisions/live_state.ts";
import type { LogRecord } from "./decisions/record.ts";
import { FIRST_APPLICATION_TAG } from "./model.ts";

/** What a coordinator's records add up to, and whether there were any. */
export class CoordinatorRecords extends LiveState {
  #hasRead = false;

  /** Whether a record of a coordinator was read, be it what its kind needs or not. */
  get hasRead(): boolean {
    return this.#hasRead;
  }

  override decode(body: Uint8Array): LogRecord | null {
    this.#hasRead ||= (body[0] ?? 0) < FIRST_APPLICATION_TAG;
    return super.decode(body);
  }

  override replay(bytes: Uint8Array, table: Uint32Array, from: number, to: number): number {
    const end = super.replay(bytes, table, from, to);
    this.#hasRead ||= end > from;
    return end;
  }
}
