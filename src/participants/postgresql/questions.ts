/**
 * What the coordinator asks a PostgreSQL database about branches, from any session.
 *
 * @module
 */

import { assertSafeGid } from "../../coordinator/gid.ts";
import type { PreparedBranch, TokenOutcome } from "../../coordinator/participant.ts";
import { sqlStateOf } from "./answers.ts";
import { IDENTITY_COLUMNS, identityOf, numbersOf, runWithIdentity } from "./identity.ts";
import { single, text } from "./rows.ts";
import { idIn, LIFE, outcomeIn } from "./token.ts";
import type { StatementRunner } from "./session.ts";

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
  const prefix = gidPrefix === "" ? "''" : `'${assertSafeGid(gidPrefix)}'`;
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
 * Asks what became of a transaction, and in the same statement who answers: the number of a transaction
 * means something in its own server only.
 *
 * @param runner Any session.
 * @param token The transaction's token.
 * @param identity The database that gave it.
 * @returns Its outcome; unknown if the server cannot prove one, or no longer.
 * @throws {ParticipantConfigurationError} If the role may not ask who answers.
 * @throws {Error} If the server is a standby: what it has not heard of may have happened all the same.
 */
export async function outcomeOf(
  runner: StatementRunner,
  token: string,
  identity: string,
): Promise<TokenOutcome> {
  const giver = numbersOf(identity);
  if (giver === null) return "other database";
  const id = idIn(token);
  if (id === null) return "unknown";
  // Not asked of another server, where the id may be one of the future: that is an error.
  const status = "CASE WHEN NOT pg_is_in_recovery() AND EXISTS (SELECT FROM pg_control_system() " +
    `WHERE system_identifier = ${giver.system}) THEN pg_xact_status('${id}'::xid8) END`;
  let answer: LifeAnswer;
  try {
    answer = await askLife(runner, status);
  } catch (error) {
    // 22023: the id is in the future, so this server has not given it out since it began its present life.
    if (sqlStateOf(error) !== "22023") throw error;
    answer = await askLife(runner, "'future'");
  }
  if (answer.identity !== identity) return "other database";
  if (answer.isStandby) {
    throw new Error(
      "Cannot ask what became of a transaction: the server is a standby, which may not have heard of it " +
        "yet, connect to the primary",
    );
  }
  return outcomeIn(token, answer.said, answer.life);
}

interface LifeAnswer {
  readonly identity: string;
  readonly isStandby: boolean;
  readonly life: string;
  readonly said: string | null;
}

/** Asks something, and in the same statement who answers, in which of its lives. */
async function askLife(runner: StatementRunner, question: string): Promise<LifeAnswer> {
  const row = single(
    await runWithIdentity(
      runner,
      `SELECT ${IDENTITY_COLUMNS}, pg_is_in_recovery()::text, ${LIFE}, ${question}`,
      "the role",
    ),
  );
  const [isStandby, life, said] = row.slice(3);
  const identity = identityOf(row.slice(0, 3));
  return { identity, isStandby: isStandby === "true", life: text(life), said: said ?? null };
}
