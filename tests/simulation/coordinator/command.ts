/** The commands that a coordinator sends to a database. */

/** Every command, in no particular order. */
export const COMMANDS = [
  "check",
  "acquire",
  "begin",
  "write",
  "examine",
  "prepare",
  "commit",
  "rollback",
  "interrupt",
  "commit prepared",
  "rollback prepared",
  "list",
  "outcome",
] as const;

/** One of them. */
export type Command = typeof COMMANDS[number];
