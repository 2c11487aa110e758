/**
 * The participant that every PostgreSQL driver's adapter makes: sessions for branches come from the driver,
 * everything else is the same.
 *
 * @module
 */

import type { Participant } from "../../coordinator/participant.ts";
import { isRetryable } from "./answers.ts";
import { PostgresqlBranch } from "./branch.ts";
import { checkPostgresql } from "./check.ts";
import { listPrepared, outcomeOf } from "./questions.ts";
import type { PostgresqlSession, StatementRunner } from "./session.ts";
import { settleBranch } from "./statements.ts";

/** What a driver brings. */
export interface PostgresqlDriver<Client> {
  /** Runs statements outside of branches, on any session. */
  readonly runner: StatementRunner;
  /** Takes a session for a branch. */
  takeSession(): Promise<PostgresqlSession<Client>>;
  /** Hears, at each check, of the coordinator whose gids begin like that. */
  attach?(gidPrefix: string): void;
  /** Lets go of what is held in the driver for one coordinator. */
  detach(): void;
}

/**
 * Makes a participant.
 *
 * @param driver The driver.
 * @returns The participant.
 */
export function postgresqlParticipant<Client>(
  { runner, takeSession, attach, detach }: PostgresqlDriver<Client>,
): Participant<Client> {
  let role: string | null = null;
  return {
    kind: "postgresql",
    check: async (gidPrefix) => {
      attach?.(gidPrefix);
      const checked = await checkPostgresql(runner, gidPrefix);
      role = checked.role;
      return { identity: checked.identity };
    },
    acquire: async () => new PostgresqlBranch(await takeSession(), role),
    listPrepared: (gidPrefix) => listPrepared(runner, gidPrefix),
    commitPrepared: (gid) => settleBranch(runner, "COMMIT", gid),
    rollbackPrepared: (gid) => settleBranch(runner, "ROLLBACK", gid),
    outcomeOf: (token, identity) => outcomeOf(runner, token, identity),
    isRetryable,
    detach,
  };
}
