/**
 * Command tags: what PostgreSQL says it has done.
 *
 * @module
 */

/** Their count says how many rows were written. */
const ROW_WRITERS: ReadonlySet<string> = new Set(["INSERT", "UPDATE", "DELETE", "MERGE"]);

/**
 * First words of statements that write to the catalogs, or to files, or to other sessions: listeners hear of a
 * NOTIFY when it is committed.
 */
const OTHER_WRITERS: ReadonlySet<string> = new Set([
  "ALTER",
  "COMMENT",
  "CREATE",
  "DROP",
  "GRANT",
  "IMPORT",
  "NOTIFY",
  "REASSIGN",
  "REFRESH",
  "REINDEX",
  "REVOKE",
  "SECURITY",
  "TRUNCATE",
]);

/**
 * Whether a command tag shows that its statement wrote. `SELECT` can write too (a function, CREATE TABLE
 * AS), and `COPY` does not tell its direction: of these it is not known.
 *
 * @param command The tag, or its first word.
 * @param count The number of rows in the tag.
 * @returns True if it certainly wrote.
 */
export function showsWriting(command: unknown, count: unknown): boolean {
  if (typeof command !== "string") return false;
  const [word = ""] = command.split(" ", 1);
  return OTHER_WRITERS.has(word) ||
    (ROW_WRITERS.has(word) && typeof count === "number" && count > 0);
}

/** Tags of more than one word that the coordinator looks at. */
const LONG_TAGS = ["PREPARE TRANSACTION", "COMMIT PREPARED", "ROLLBACK PREPARED"];

/**
 * The whole tag, where a driver keeps its first word only. For the statements that matter that is enough:
 * each is the last of its text, and what PostgreSQL answers when it did not do them begins with another
 * word, or is an error.
 *
 * @param statements The text that was run.
 * @param firstWord What the driver gave.
 * @returns The tag.
 */
export function wholeTag(statements: string, firstWord: string): string {
  const tag = LONG_TAGS.find((one) => statements.includes(`${one} '`));
  return tag?.split(" ")[0] === firstWord ? tag : firstWord;
}
