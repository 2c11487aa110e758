/**
 * The statements that the coordinator sends to PostgreSQL, over any driver.
 *
 * PREPARE TRANSACTION and COMMIT answer a failed transaction without an error, with the tag ROLLBACK: so
 * the tag is what counts. PREPARE and its relatives take no parameters; a gid stands in the text, after
 * its alphabet was checked.
 *
 * @module
 */

import { BranchEndedError, ParticipantIdentityError } from "../../coordinator/errors.ts";
import { assertSafeGid, isSafeGid } from "../../coordinator/gid.ts";
import type {
  BranchOptions,
  IsolationLevel,
  PrepareAnswer,
  SettleAnswer,
  VoteAnswer,
} from "../../coordinator/participant.ts";
import { type NoVote, settleAnswerOf, sqlStateOf, voteOf } from "./answers.ts";
import {
  type DatabaseNumbers,
  databaseQuestion,
  lifeIn,
  NOWHERE,
  numbersIn,
  numbersOf,
} from "./identity.ts";
import { askRole, FAIL_WITH_ROLE, isCurrent, quoteRole, wrongRoleIn } from "./role.ts";
import { single } from "./rows.ts";
import type { StatementResult, StatementRunner } from "./session.ts";
import { LIFE, tokenOfPrepared } from "./token.ts";
import { answerIn, whenNeeded } from "./when_needed.ts";

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
export function markBranch({ gid, isolationLevel, readOnly }: BranchOptions): string {
  const modes = [...isolationMode(isolationLevel), ...(readOnly === true ? ["READ ONLY"] : [])];
  const mark = `SET LOCAL indoubt.branch = ${quote(gid)}`;
  return modes.length === 0 ? mark : `SET TRANSACTION ${modes.join(", ")}; ${mark}`;
}

function isolationMode(isolationLevel: IsolationLevel | undefined): string[] {
  if (isolationLevel === undefined) return [];
  const level = ISOLATION_LEVELS[isolationLevel];
  if (level !== undefined) return [`ISOLATION LEVEL ${level}`];
  throw new RangeError(
    `Cannot begin a branch with isolation level ${JSON.stringify(isolationLevel)}: ` +
      `it must be one of ${JSON.stringify(Object.keys(ISOLATION_LEVELS))}`,
  );
}

/**
 * Asks by what the outcome of the session's transaction can be learnt.
 *
 * @param runner The branch's session.
 * @param gid The branch.
 * @param identity The database in which it must be; not looked at if absent.
 * @returns The token, or `null` if it has written nothing.
 * @throws {BranchEndedError} If the session's transaction is not the branch's.
 * @throws {ParticipantIdentityError} If it is in another database.
 */
export async function askToken(
  runner: StatementRunner,
  gid: string,
  identity?: string,
): Promise<string | null> {
  const numbers = required(identity);
  const place = numbers === null ? `concat('///', ${LIFE})` : whereItIs(numbers);
  const [id, branch, answer] = single(
    await runner.run(`SELECT pg_current_xact_id_if_assigned()::text, ${MARK}, ${place}`),
  );
  const found = answerIn(answer ?? "");
  if (branch !== gid) throw new BranchEndedError();
  if (numbers !== null && numbersIn(found) !== `${numbers.system}/${numbers.oid}`) {
    throw elsewhere(identity, found);
  }
  return id === null || id === undefined ? null : `${id}@${lifeIn(found)}`;
}

/** The numbers of the database that it must be; `null` if that is not looked at. */
function required(identity: string | undefined): DatabaseNumbers | null {
  return identity === undefined ? null : numbersOf(identity) ?? NOWHERE;
}

/** The mark of the session's transaction. */
const MARK = "current_setting('indoubt.branch', true)";

/** The id of the session's transaction, which has one from now on, and behind it where it is. */
function ownId(place: string): string {
  return `concat(pg_current_xact_id(), '@', ${place})`;
}

/** The token in what {@linkcode ownId} gave; empty if there is none. */
function tokenIn(found: string): string {
  const [id, place] = found.split("@");
  return place === undefined ? "" : `${id}@${lifeIn(place)}`;
}

/** What the server says where the mark is not the branch's. */
const WRONG_MARK = "indoubt.branch is now ";

/** What the server says where the database is another one; the numbers follow. */
const WRONG_DATABASE = "indoubt.database is now ";

/**
 * Gives what the transaction's token is in if the mark is the branch's, the database the right one and the role,
 * too, and fails if not. It must fail: what follows in the same text would otherwise be done, and outside of a
 * transaction block PREPARE would prepare the text itself.
 */
function askOwnToken(gid: string, identity: string | undefined, role: string | null): string {
  const numbers = required(identity);
  const checked = idIfChecked(gid, numbers, role);
  if (numbers === null) return `SELECT ${checked}`;
  // One look at all of it: a gid has no blank, and no role was ever given a name with this gid in it. What tells
  // more is hardly ever needed.
  const mark = `' ${assertSafeGid(gid)} '`;
  const { remembered, expected } = databaseQuestion(
    numbers,
    role === null ? [mark] : [quoteRole(role), mark],
  );
  const found = [...(role === null ? [] : ["current_user"]), "' '", MARK, "' '", remembered];
  return `SELECT CASE WHEN starts_with(concat(${found.join(", ")}), ${expected}) ` +
    `THEN ${ownId(remembered)} ELSE ${whenNeeded(checked)} END`;
}

/** Looks at one after the other, and says what is wrong; the database is asked who it is. */
function idIfChecked(gid: string, numbers: DatabaseNumbers | null, role: string | null): string {
  // What fails is no constant, which could be looked at before it is needed.
  const wrongMark = `concat('${WRONG_MARK}', ${MARK})::int::text`;
  const rightMark = `WHEN ${MARK} IS DISTINCT FROM ${quote(gid)} THEN ${wrongMark}`;
  const rightRole = role === null ? "" : `WHEN NOT ${isCurrent(role)} THEN ${FAIL_WITH_ROLE} `;
  if (numbers === null) {
    return `CASE ${rightMark} ${rightRole}ELSE ${ownId(`concat('///', ${LIFE})`)} END`;
  }
  const { asked, expected, remembered } = databaseQuestion(numbers);
  const rightDatabase = `WHEN NOT starts_with(${asked}, ${expected}) ` +
    `THEN concat('${WRONG_DATABASE}', ${remembered})::int::text`;
  return `CASE ${rightMark} ${rightDatabase} ${rightRole}ELSE ${ownId(remembered)} END`;
}

/** Who the database is, by what it remembers or by asking it. */
function whereItIs(numbers: DatabaseNumbers): string {
  const { asked, expected, remembered } = databaseQuestion(numbers);
  return `CASE WHEN starts_with(${remembered}, ${expected}) THEN ${remembered} ` +
    `ELSE ${whenNeeded(asked)} END`;
}

function elsewhere(identity: string | undefined, found: string): ParticipantIdentityError {
  return new ParticipantIdentityError("", identity ?? "", `postgresql:${numbersIn(found)}`);
}

/** The refusal that stands in the message of a server on which {@linkcode askOwnToken} has failed, if it has. */
function refusalIn(error: unknown, identity: string | undefined): NoVote | null {
  // invalid_text_representation: the message is in the server's language, and so is the severity that
  // node-postgres gives; but the text is quoted.
  if (!(error instanceof Error) || (error as { code?: unknown }).code !== "22P02") return null;
  const { message } = error;
  const wrongRole = wrongRoleIn(message);
  if (wrongRole !== null) return { kind: "refused", error: wrongRole, retryable: false };
  if (message.includes(WRONG_MARK)) {
    return { kind: "refused", error: new BranchEndedError(), retryable: false };
  }
  const [, found] = message.split(WRONG_DATABASE);
  if (found === undefined) return null;
  return { kind: "refused", error: elsewhere(identity, found), retryable: false };
}

/**
 * Prepares or commits the session's transaction.
 *
 * @param runner The branch's session.
 * @param statements The text; its last statement counts.
 * @param tag The command tag that means it was done.
 * @param identity The database in which it must be.
 * @returns The results if it was done, or the answer.
 */
async function vote(
  runner: StatementRunner,
  statements: string,
  tag: string,
  identity?: string,
): Promise<readonly StatementResult[] | NoVote> {
  let results: StatementResult[];
  try {
    results = await runner.run(statements);
  } catch (error) {
    return refusalIn(error, identity) ?? voteOf(error);
  }
  const command = results.at(-1)?.command;
  if (command === tag) return results;
  const error = new Error(`PostgreSQL answered ${command} to ${tag}: the transaction had failed`);
  if (command === "ROLLBACK") return { kind: "refused", error, retryable: false };
  return { kind: "unknown", error };
}

/**
 * Prepares the session's transaction.
 *
 * @param runner The branch's session.
 * @param gid The branch.
 * @param token What its outcome can be asked by; `null` to ask for it in the same round trip.
 * @param identity The database in which it must be; looked at only if the token is asked for, since it was
 * looked at before otherwise. Not looked at if absent.
 * @param role The role that it must be prepared by; `null` if any will do.
 * @returns Done only if the command tag says so.
 */
export async function prepareBranch(
  runner: StatementRunner,
  gid: string,
  token: string | null,
  identity?: string,
  role: string | null = null,
): Promise<PrepareAnswer> {
  const prepare = `PREPARE TRANSACTION ${quote(gid)}`;
  const questions = token === null
    ? [askOwnToken(gid, identity, role)]
    : role === null
    ? []
    : [askRole(role)];
  const text = [...questions, prepare].join("; ");
  const answer = await vote(runner, text, "PREPARE TRANSACTION", identity);
  if ("kind" in answer) return answer;
  const given = tokenOfPrepared(token ?? tokenIn(answerIn(answer[0]?.rows[0]?.[0] ?? "")));
  if (given !== null) return { kind: "done", token: given };
  const error = new TypeError(
    "Cannot read PostgreSQL's answer to PREPARE: it has no transaction id",
  );
  return { kind: "unknown", error };
}

/**
 * Commits the session's transaction in one phase.
 *
 * @param runner The branch's session.
 * @returns Done only if the command tag says so.
 */
export async function commitBranch(runner: StatementRunner): Promise<VoteAnswer> {
  const answer = await vote(runner, "COMMIT", "COMMIT");
  return "kind" in answer ? answer : { kind: "done" };
}

/**
 * Leaves the transaction that a refused statement may have left behind. The statement may have failed
 * before PREPARE or COMMIT was reached (cancelled, or the mark was wrong): then the session is in a failed
 * transaction.
 *
 * @param runner The branch's session, after an error.
 * @returns Whether it is known to be in no transaction; never rejects.
 */
export async function leaveFailedTransaction(runner: StatementRunner): Promise<boolean> {
  try {
    // Outside of a transaction, ROLLBACK alone would warn.
    await runner.run("SELECT 1");
    return true;
  } catch (error) {
    if (sqlStateOf(error) !== "25P02") return false;
  }
  return await rollBackBranch(runner);
}

/**
 * Rolls back the session's transaction.
 *
 * @param runner The branch's session.
 * @returns Whether it is known to be done; never rejects.
 */
export async function rollBackBranch(runner: StatementRunner): Promise<boolean> {
  try {
    return (await runner.run("ROLLBACK")).at(-1)?.command === "ROLLBACK";
  } catch {
    // The session is ended when it is released, and the server then rolls back by itself.
    return false;
  }
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
