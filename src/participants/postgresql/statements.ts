/**
 * The statements that the coordinator sends to PostgreSQL, over any driver.
 *
 * PREPARE TRANSACTION and COMMIT answer a failed transaction without an error, with the tag ROLLBACK: so
 * the tag is what counts. PREPARE and its relatives take no parameters; a gid stands in the text, after
 * its alphabet was checked.
 *
 * @module
 */

import { BranchEndedError } from "../../coordinator/errors.ts";
import { assertSafeGid, isSafeGid } from "../../coordinator/gid.ts";
import type {
  BranchOptions,
  IsolationLevel,
  PreparedBranch,
  SettleAnswer,
  TokenOutcome,
  VoteAnswer,
} from "../../coordinator/participant.ts";
import { settleAnswerOf, sqlStateOf, voteOf } from "./answers.ts";
import type { StatementResult, StatementRunner } from "./session.ts";

const ISOLATION_LEVELS: Readonly<Record<IsolationLevel, string>> = {
  "read committed": "READ COMMITTED",
  "repeatable read": "REPEATABLE READ",
  "serializable": "SERIALIZABLE",
};

function quote(gid: string): string {
  return `'${assertSafeGid(gid)}'`;
}

/**
 * Statements that make the session's transaction the branch's.
 *
 * The mark is local to the transaction: where it is missing later, the transaction is another one.
 *
 * @param options How the branch begins.
 * @returns The text; it expects to run in a transaction block.
 */
export function markBranch({ gid, isolationLevel }: BranchOptions): string {
  const mark = `SET LOCAL indoubt.branch = ${quote(gid)}`;
  if (isolationLevel === undefined) return mark;
  const level = ISOLATION_LEVELS[isolationLevel];
  if (level === undefined) {
    throw new RangeError(
      `Cannot begin a branch with isolation level ${JSON.stringify(isolationLevel)}: ` +
        `it must be one of ${JSON.stringify(Object.keys(ISOLATION_LEVELS))}`,
    );
  }
  return `SET TRANSACTION ISOLATION LEVEL ${level}; ${mark}`;
}

/**
 * Asks by what the outcome of the session's transaction can be learnt.
 *
 * @param runner The branch's session.
 * @param gid The branch.
 * @returns The transaction's id, or `null` if it has written nothing.
 * @throws {BranchEndedError} If the session's transaction is not the branch's.
 */
export async function askToken(runner: StatementRunner, gid: string): Promise<string | null> {
  const [token, branch] = single(
    await runner.run(
      "SELECT pg_current_xact_id_if_assigned()::text, current_setting('indoubt.branch', true)",
    ),
  );
  if (branch !== gid) throw new BranchEndedError();
  return token ?? null;
}

/**
 * Prepares or commits the session's transaction.
 *
 * @param runner The branch's session.
 * @param statement The statement.
 * @param tag The command tag that means it was done.
 * @returns The answer.
 */
async function vote(runner: StatementRunner, statement: string, tag: string): Promise<VoteAnswer> {
  let command: string | undefined;
  try {
    command = (await runner.run(statement)).at(-1)?.command;
  } catch (error) {
    return voteOf(error);
  }
  if (command === tag) return { kind: "done" };
  const error = new Error(`PostgreSQL answered ${command} to ${tag}: the transaction had failed`);
  if (command === "ROLLBACK") return { kind: "refused", error, retryable: false };
  return { kind: "unknown", error };
}

/**
 * Prepares the session's transaction.
 *
 * @param runner The branch's session.
 * @param gid The branch.
 * @returns Done only if the command tag says so.
 */
export function prepareBranch(runner: StatementRunner, gid: string): Promise<VoteAnswer> {
  return vote(runner, `PREPARE TRANSACTION ${quote(gid)}`, "PREPARE TRANSACTION");
}

/**
 * Commits the session's transaction in one phase.
 *
 * @param runner The branch's session.
 * @returns Done only if the command tag says so.
 */
export function commitBranch(runner: StatementRunner): Promise<VoteAnswer> {
  return vote(runner, "COMMIT", "COMMIT");
}

/**
 * Ends a prepared branch.
 *
 * @param runner Any session of the same database and role that is in no transaction.
 * @param verb What to do with it.
 * @param gid The branch.
 * @returns The answer; never rejects.
 */
export async function settleBranch(
  runner: StatementRunner,
  verb: "COMMIT" | "ROLLBACK",
  gid: string,
): Promise<SettleAnswer> {
  const tag = `${verb} PREPARED`;
  if (!isSafeGid(gid)) {
    return {
      kind: "operator",
      error: new RangeError(`Cannot settle ${gid}: it is no gid of ours`),
    };
  }
  try {
    const command = (await runner.run(`${tag} '${gid}'`)).at(-1)?.command;
    if (command === tag) return { kind: "done" };
    return { kind: "later", error: new Error(`PostgreSQL answered ${command} to ${tag}`) };
  } catch (error) {
    return settleAnswerOf(error);
  }
}

/**
 * Lists what this database holds prepared.
 *
 * @param runner Any session.
 * @param gidPrefix What the gids begin with; empty for all.
 * @returns The branches.
 */
export async function listPrepared(
  runner: StatementRunner,
  gidPrefix: string,
): Promise<PreparedBranch[]> {
  const prefix = gidPrefix === "" ? "''" : quote(gidPrefix);
  const result = (await runner.run(
    "SELECT gid, extract(epoch FROM prepared)::text FROM pg_prepared_xacts " +
      `WHERE database = current_database() AND starts_with(gid, ${prefix}) ORDER BY prepared`,
  )).at(-1);
  return (result?.rows ?? []).map(([gid, since]) => ({
    gid: text(gid),
    since: new Date(Number(text(since)) * 1000),
  }));
}

/**
 * Asks what became of a transaction.
 *
 * @param runner Any session.
 * @param token The transaction's id.
 * @returns Its outcome; unknown if the server does not know this id, or no longer.
 */
export async function outcomeOf(runner: StatementRunner, token: string): Promise<TokenOutcome> {
  if (!/^[0-9]{1,20}$/.test(token)) return "unknown";
  try {
    const [status] = single(await runner.run(`SELECT pg_xact_status('${token}'::xid8)`));
    if (status === "committed" || status === "aborted" || status === "in progress") return status;
    return "unknown";
  } catch (error) {
    // 22023: the id is in the future, so this server has never given it out.
    if (sqlStateOf(error) === "22023") return "unknown";
    throw error;
  }
}

/**
 * The only row of the last result.
 *
 * @param results What PostgreSQL answered.
 * @returns The row.
 */
export function single(results: readonly StatementResult[]): readonly (string | null)[] {
  const row = results.at(-1)?.rows[0];
  if (row === undefined) throw new TypeError("Cannot read PostgreSQL's answer: it has no row");
  return row;
}

/**
 * A value that is never null.
 *
 * @param value The value.
 * @returns The same, as text.
 */
export function text(value: string | null | undefined): string {
  if (typeof value === "string") return value;
  throw new TypeError(`Cannot read PostgreSQL's answer: a value is ${value}, it must be text`);
}
