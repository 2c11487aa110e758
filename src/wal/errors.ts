/**
 * The errors of the log that callers are meant to catch.
 *
 * @module
 */

/** Who holds a log directory, as its `.lock` file says. */
export interface LogHolder {
  /** Process id of the holder. */
  readonly pid: number;
  /** When the holder opened the log, RFC 3339. */
  readonly started: string;
}

/**
 * The log directory is open already, in another process or in this one. It has one owner at a time.
 *
 * @example Say who holds it
 * ```ts
 * import { LogLockedError } from "@indoubt/coordinator";
 *
 * const error = new LogLockedError("./indoubt", { pid: 4711, started: "2026-01-01T00:00:00.000Z" });
 * console.assert(error.holder?.pid === 4711);
 * ```
 */
export class LogLockedError extends Error {
  /** Always `"LogLockedError"`. */
  override readonly name = "LogLockedError";
  /** The log directory. */
  readonly directory: string;
  /** The holder, or `null` if its stamp could not be read. */
  readonly holder: LogHolder | null;

  /**
   * Names the directory and its holder.
   *
   * @param directory The log directory.
   * @param holder The holder, or `null` if unknown.
   */
  constructor(directory: string, holder: LogHolder | null) {
    const who = holder === null
      ? "it is locked by another process"
      : `it is held by process ${holder.pid} since ${holder.started}`;
    super(
      `Cannot open the log in "${directory}": ${who}, ` +
        "close it there first or use another directory",
    );
    this.directory = directory;
    this.holder = holder;
  }
}

/**
 * The log cannot take a record. What matters to the caller is {@linkcode LogUnavailableError.written}:
 * `"no"` means that the record is certainly not in the log, `"unknown"` that a restart may find it.
 *
 * @example Tell the two apart
 * ```ts
 * import { LogUnavailableError } from "@indoubt/coordinator";
 *
 * const error = new LogUnavailableError("./indoubt", "the disk is full", "no");
 * console.assert(error.written === "no");
 * ```
 */
export class LogUnavailableError extends Error {
  /** Always `"LogUnavailableError"`. */
  override readonly name = "LogUnavailableError";
  /** The log directory. */
  readonly directory: string;
  /** Whether the record may be in the log all the same. */
  readonly written: "no" | "unknown";
  /**
   * Resolves to true when a record whose fate was unknown is on disk after all, since the log could
   * restate itself; to false when the log is closed before that, so that only its next opening tells.
   */
  readonly settled: Promise<boolean>;

  /**
   * Says why, and whether the record may have been written.
   *
   * @param directory The log directory.
   * @param reason What is wrong and what would help, without a final full stop.
   * @param written Whether the record may be in the log.
   * @param options The cause, where there is one, and when it is settled.
   */
  constructor(
    directory: string,
    reason: string,
    written: "no" | "unknown",
    options?: ErrorOptions & { settled?: Promise<boolean> },
  ) {
    super(`Cannot append to the log in "${directory}": ${reason}`, options);
    this.directory = directory;
    this.written = written;
    this.settled = options?.settled ?? Promise.resolve(false);
  }
}

/** Where in a log something is wrong. */
export interface LogPlace {
  /** File name of the segment, or of another file of the log. */
  readonly file: string;
  /** Byte offset in that file, where it is known. */
  readonly offset?: number;
  /** Number of the record, where it is known. */
  readonly lsn?: number;
}

/**
 * The files in the directory do not belong together, or the one that says whose they are is damaged. No
 * file is touched. (Damage to records is no error: the log opens with a verdict on it.)
 *
 * @example Find the place
 * ```ts
 * import { LogCorruptedError } from "@indoubt/coordinator";
 *
 * const place = { file: "identity.json" };
 * const error = new LogCorruptedError("./indoubt", place, "it is not JSON");
 * console.assert(error.place.file === "identity.json");
 * ```
 */
export class LogCorruptedError extends Error {
  /** Always `"LogCorruptedError"`. */
  override readonly name = "LogCorruptedError";
  /** The log directory. */
  readonly directory: string;
  /** Where the damage is. */
  readonly place: LogPlace;

  /**
   * Names the place and what is wrong there.
   *
   * @param directory The log directory.
   * @param place Where the damage is.
   * @param reason What is wrong and what would help, without a final full stop.
   * @param options The cause, where there is one.
   */
  constructor(directory: string, place: LogPlace, reason: string, options?: ErrorOptions) {
    const offset = place.offset === undefined ? "" : ` at offset ${place.offset}`;
    const lsn = place.lsn === undefined ? "" : ` (LSN ${place.lsn})`;
    super(
      `Cannot read the log in "${directory}": ${place.file}${offset}${lsn}: ${reason}`,
      options,
    );
    this.directory = directory;
    this.place = place;
  }
}

/**
 * The log directory is a copy: restored from a backup, say, or copied to another machine. Two coordinators
 * with one id would roll back each other's transactions, so no copy is opened unasked. Nothing is changed.
 *
 * If the original still runs anywhere, or ever may again, use that one. If this is the only one from now on,
 * `indoubt repair DIR --accept-copy --reason TEXT` says so; for a log of a program's own entries the option
 * `acceptCopy` does.
 *
 * @example Say which directory
 * ```ts
 * import { LogCopiedError } from "@indoubt/coordinator";
 *
 * const error = new LogCopiedError("./indoubt");
 * console.assert(error.directory === "./indoubt");
 * ```
 */
export class LogCopiedError extends Error {
  /** Always `"LogCopiedError"`. */
  override readonly name = "LogCopiedError";
  /** The log directory. */
  readonly directory: string;

  /**
   * Names the directory and what to do.
   *
   * @param directory The log directory.
   */
  constructor(directory: string) {
    super(
      `Cannot open the log in "${directory}": it is a copy, its .lock is not the file that the log was ` +
        "made with: if the original still runs anywhere, use that one; if this is the only one from " +
        'now on, say so with "indoubt repair DIR --accept-copy --reason TEXT"',
    );
    this.directory = directory;
  }
}

/**
 * The log was written by a newer version of this software. It is left untouched.
 *
 * @example Find the place
 * ```ts
 * import { LogVersionError } from "@indoubt/coordinator";
 *
 * const error = new LogVersionError("./indoubt", { file: "identity.json" }, "format version 9");
 * console.assert(error.place.file === "identity.json");
 * ```
 */
export class LogVersionError extends Error {
  /** Always `"LogVersionError"`. */
  override readonly name = "LogVersionError";
  /** The log directory. */
  readonly directory: string;
  /** Where the newer version shows. */
  readonly place: LogPlace;

  /**
   * Names the place and what was found there.
   *
   * @param directory The log directory.
   * @param place Where the newer version shows.
   * @param found What was found, without a final full stop.
   */
  constructor(directory: string, place: LogPlace, found: string) {
    super(
      `Cannot read the log in "${directory}": ${place.file} holds ${found}, ` +
        "which a newer version wrote: use that version or a later one",
    );
    this.directory = directory;
    this.place = place;
  }
}
