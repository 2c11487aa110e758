/**
 * A log whose writer is quicker than whoever reads it: between any two calls of the reader it has begun another
 * segment and taken the one before away.
 */

import type { FileHandle, FileSystem } from "../../src/platform/file_system.ts";
import { denoPlatform, type Platform } from "../../src/platform/platform.ts";
import { identityText } from "../../src/wal/identity.ts";
import { ID, makeSegment, opening, TestDirectory } from "../cli/support/logs.ts";

/** Numbers from one segment to the next. */
const STEP = 40;

/** Whether the writer gets to work before a call of the reader. */
export type Quickness =
  /** It always does. */
  | "always"
  /** It does, but not between a list and the opening of a segment that follows at once. */
  | "unless a segment is opened behind a list";

/** The log, and this machine with the writer on it. */
export class RacedDirectory extends TestDirectory {
  readonly #quickness: Quickness;
  #lsn = 0;
  #last = "";

  /** How many calls the reader has made. */
  calls = 0;
  /** Files that the reader has open. */
  openFiles = 0;

  /** Begins with one segment. */
  constructor(quickness: Quickness) {
    super();
    this.#quickness = quickness;
    const identity = { id: ID, epoch: 1, segment: 0, place: null, formatVersion: 1 };
    this.put("identity.json", new TextEncoder().encode(identityText(identity)));
    this.#begin();
  }

  /** Number of the first record of the segment that is there. */
  get newest(): number {
    return this.#lsn;
  }

  /** The machine as the reader sees it. */
  get platform(): Platform {
    const { fileSystem } = denoPlatform;
    const raced: FileSystem = {
      ...fileSystem,
      list: (path) => this.#call("list", () => fileSystem.list(path)),
      open: (path, mode) =>
        this.#call(path.endsWith(".wal") ? "open a segment" : "open", async () => {
          const file = await fileSystem.open(path, mode);
          this.openFiles++;
          return this.#raced(file);
        }),
    };
    return { ...denoPlatform, fileSystem: raced };
  }

  #raced(file: FileHandle): FileHandle {
    return {
      ...file,
      read: (buffer, position) => this.#call("read", () => file.read(buffer, position)),
      size: () => this.#call("size", () => file.size()),
      tryShare: () => file.tryShare(),
      close: () => {
        this.openFiles--;
        file.close();
      },
    };
  }

  #call<T>(kind: string, answer: () => Promise<T>): Promise<T> {
    const isSpared = this.#last === "list" && kind === "open a segment" &&
      this.#quickness !== "always";
    this.#last = kind;
    this.calls++;
    if (!isSpared) this.#follow();
    return answer();
  }

  #follow(): void {
    const [before = ""] = this.segments();
    this.#lsn += STEP;
    this.#begin();
    this.remove(before);
  }

  #begin(): void {
    const { name, bytes } = makeSegment([opening()], this.#lsn);
    this.put(name, bytes);
  }
}
