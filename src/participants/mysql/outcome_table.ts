/**
 * The outcome table: MariaDB and MySQL forget a branch when it ends, so whoever wants proof keeps it in a
 * table of the same database. A row is written inside the branch, right before its vote: it is there
 * afterwards if and only if the branch was committed. While the branch is prepared the row is locked, so
 * "not yet" and "never" cannot be mixed up.
 *
 * Old rows are deleted. Age is all that counts: even a branch whose end was seen may be asked for again after
 * a crash, since the log's note of its end is not forced to the disk. Before rows are deleted, a row that belongs
 * to no branch is made to say up to when; a missing row of that time proves nothing any more. So no clock has a
 * part in a proof: a process whose clock is wrong, or that keeps rows for fewer days, may delete too much, but
 * makes no committed branch look as if it had been rolled back.
 *
 * @module
 */

import { ParticipantConfigurationError } from "../../coordinator/errors.ts";
import { assertSafeGid } from "../../coordinator/gid.ts";
import type { TokenOutcome } from "../../coordinator/participant.ts";
import { errorNumberOf, meaningOf, saysLocked } from "./answers.ts";
import { quoteName } from "./database.ts";
import { type StatementRunner, text } from "./session.ts";

const DAY_MS = 86_400_000;
/** In the place of a gid, and no gid that a branch can have: the row that says up to when rows were deleted. */
const DELETED = "deleted";
/** How many rows one statement deletes at most. */
const MAX_DELETED = 1_000;
/** How many such statements follow each other at most. */
const MAX_BATCHES = 100;

const NO_SUCH_COLUMN = 1054;
const NO_SUCH_TABLE = 1146;
const DUPLICATE_KEY = 1062;

/** The table of one participant. */
export class OutcomeTable {
  readonly #name: string;
  /** In statements: with the database, if that is known. */
  #fullName: string;
  #database: string | null = null;
  readonly #days: number;
  readonly #now: () => number;

  /**
   * Names the table.
   *
   * @param name Its name, in the database of the participant.
   * @param days How long rows are kept, in days.
   * @param now The time, in milliseconds since 1970.
   * @throws {RangeError} If this is no plain name, or no number of days from 1 to 365.
   */
  constructor(name: string, days: number, now: () => number) {
    if (!/^[A-Za-z0-9_]{1,64}$/.test(name)) {
      throw new RangeError(
        `Cannot use ${JSON.stringify(name)} as the outcome table: ` +
          "its name must have 1 to 64 characters of [A-Za-z0-9_]",
      );
    }
    if (!Number.isInteger(days) || days < 1 || days > 365) {
      throw new RangeError(
        `Cannot keep outcomes for ${days} days: it must be a whole number from 1 to 365`,
      );
    }
    this.#name = name;
    this.#fullName = name;
    this.#days = days;
    this.#now = now;
  }

  /**
   * The table of one database, whichever database a session is in that works with it.
   *
   * @param database The database's name; `null` for the one in which the session is.
   * @returns The table.
   */
  in(database: string | null): OutcomeTable {
    if (database === this.#database) return this;
    const table = new OutcomeTable(this.#name, this.#days, this.#now);
    table.#database = database;
    if (database !== null) table.#fullName = `${quoteName(database)}.${this.#name}`;
    return table;
  }

  /** What creates the table. */
  get definition(): string {
    return `CREATE TABLE ${this.#name} (` +
      "gid VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY, " +
      "written BIGINT NOT NULL, KEY (written)) ENGINE = InnoDB";
  }

  /**
   * Writes a branch's row, in the branch.
   *
   * @param runner The branch's session.
   * @param gid The branch.
   * @returns When it was written, in milliseconds since 1970. The server's own time is not asked: a session can
   * be set to another.
   */
  async write(runner: StatementRunner, gid: string): Promise<number> {
    const written = this.#now();
    await runner.run(
      `INSERT INTO ${this.#fullName} (gid, written) VALUES ('${assertSafeGid(gid)}', ${written})`,
    );
    return written;
  }

  /**
   * Deletes the row of a branch that did not go on to its vote.
   *
   * @param runner A session that is not in the branch any more.
   * @param gid The branch.
   */
  async takeBack(runner: StatementRunner, gid: string): Promise<void> {
    await this.#delete(runner, [gid]);
  }

  /**
   * Asks for a branch's row.
   *
   * @param runner Any session that is in no transaction.
   * @param gid The branch.
   * @param writtenAt When its row was written, in milliseconds since 1970.
   * @returns What became of the branch.
   */
  async outcomeOf(runner: StatementRunner, gid: string, writtenAt: number): Promise<TokenOutcome> {
    const row = await this.look(runner, gid);
    if (row === "locked") return "in progress";
    if (row === "there") return "committed";
    return writtenAt < await this.#deletedUpTo(runner) ? "unproven" : "aborted";
  }

  /**
   * Looks for a branch's row.
   *
   * @param runner Any session that is in no transaction.
   * @param gid The branch.
   * @returns Whether it is there, or somebody has it who has not ended.
   */
  async look(runner: StatementRunner, gid: string): Promise<"there" | "missing" | "locked"> {
    try {
      const { rows } = await runner.run(
        `SELECT gid FROM ${this.#fullName} WHERE gid = '${assertSafeGid(gid)}' FOR UPDATE NOWAIT`,
      );
      return rows.length > 0 ? "there" : "missing";
    } catch (error) {
      if (saysLocked(error)) return "locked";
      throw error;
    }
  }

  /**
   * Deletes rows that are too old to be asked for.
   *
   * @param runner Any session that is in no transaction.
   */
  async clean(runner: StatementRunner): Promise<void> {
    const oldest = this.#now() - this.#days * DAY_MS;
    for (let batch = 0; batch < MAX_BATCHES; batch++) {
      // Read without locks, as committed: the row of a branch that is still prepared is not among them.
      const { rows } = await runner.run(
        `SELECT gid FROM ${this.#fullName} WHERE written < ${oldest} AND gid <> '${DELETED}' ` +
          `ORDER BY written LIMIT ${MAX_DELETED}`,
      );
      if (rows.length > 0) {
        if (batch === 0) await this.#noteDeletion(runner, oldest);
        await this.#delete(runner, rows.map(([gid]) => text(gid)));
      }
      if (rows.length < MAX_DELETED) return;
    }
  }

  /**
   * Sees that the table is there and does what is expected of it.
   *
   * @param runner A session of its own.
   * @param gidPrefix What the gids of this coordinator begin with.
   * @throws {ParticipantConfigurationError} If something must be changed first.
   */
  async check(runner: StatementRunner, gidPrefix: string): Promise<void> {
    const { rows } = await runner.run(
      "SELECT ENGINE FROM information_schema.TABLES " +
        `WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = '${this.#name}'`,
    );
    const engine = rows[0]?.[0];
    if (engine !== undefined && engine?.toLowerCase() !== "innodb") {
      throw this.#wrong(`is not of engine InnoDB but ${engine}`);
    }
    // The longest name that a branch can have, and none that a branch ever has.
    const gid = gidPrefix.padEnd(64, "x");
    await runner.run("START TRANSACTION");
    try {
      await this.write(runner, gid);
      await this.#assertUnique(runner, gid);
      await this.outcomeOf(runner, gid, this.#now());
      await this.#delete(runner, [gid]);
    } catch (error) {
      throw this.#explain(error);
    } finally {
      await runner.run("ROLLBACK");
    }
  }

  async #assertUnique(runner: StatementRunner, gid: string): Promise<void> {
    try {
      await this.write(runner, gid);
    } catch (error) {
      if (errorNumberOf(error) === DUPLICATE_KEY) return;
      throw error;
    }
    throw this.#wrong("takes the same gid twice");
  }

  /** On disk before the first row is deleted, whoever else deletes rows of the same table. */
  async #noteDeletion(runner: StatementRunner, before: number): Promise<void> {
    await runner.run(
      `INSERT INTO ${this.#fullName} (gid, written) VALUES ('${DELETED}', ${before}) ` +
        `ON DUPLICATE KEY UPDATE written = GREATEST(written, ${before})`,
    );
  }

  /** Rows that were written earlier than this may have been deleted, in milliseconds since 1970. */
  async #deletedUpTo(runner: StatementRunner): Promise<number> {
    const { rows } = await runner.run(
      `SELECT written FROM ${this.#fullName} WHERE gid = '${DELETED}'`,
    );
    return rows.length === 0 ? -Infinity : Number(text(rows[0]?.[0]));
  }

  async #delete(runner: StatementRunner, gids: readonly string[]): Promise<void> {
    const list = gids.map((gid) => `'${assertSafeGid(gid)}'`).join(", ");
    await runner.run(`DELETE FROM ${this.#fullName} WHERE gid IN (${list})`);
  }

  #explain(error: unknown): unknown {
    if (errorNumberOf(error) === NO_SUCH_TABLE) return this.#wrong("does not exist", error);
    if (errorNumberOf(error) === NO_SUCH_COLUMN) return this.#wrong("has other columns", error);
    if (meaningOf(error)?.settling !== "operator") return error;
    const reason = `the role may not use the outcome table "${this.#name}", ` +
      `grant it SELECT, INSERT, UPDATE and DELETE on that table`;
    return new ParticipantConfigurationError("", reason, { cause: error });
  }

  #wrong(what: string, cause?: unknown): ParticipantConfigurationError {
    return new ParticipantConfigurationError(
      "",
      `the outcome table "${this.#name}" ${what}, create it with ${this.definition}`,
      cause === undefined ? {} : { cause },
    );
  }
}
