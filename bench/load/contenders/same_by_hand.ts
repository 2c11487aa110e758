/**
 * The very statements of the library, sent by hand: with the mark, the question by what the outcome can be
 * learnt, and BEGIN waited for, since a statement that is sent behind a BEGIN which fails is done outside of
 * any transaction. What the library takes beyond this is its own: the log, time limits, guards, the pool.
 *
 * @module
 */

import type { ReservedSql } from "postgres";
import { checkPostgresql } from "../../../src/participants/postgresql/check.ts";
import { resultsOf } from "../../../src/participants/postgresql/postgres_statements.ts";
import type { StatementRunner } from "../../../src/participants/postgresql/session.ts";
import {
  markBranch,
  prepareBranch,
  settleBranch,
} from "../../../src/participants/postgresql/statements.ts";
import type { Contender, ContenderSettings } from "../contender.ts";
import { openSessions, type Sessions } from "./by_hand.ts";

/** Connects. */
export function openSameByHand(settings: ContenderSettings): Promise<Contender> {
  return openSame(settings, null);
}

/** Connects; each commit does `decide` when every branch is prepared, before any is settled. */
export function openSame(
  settings: ContenderSettings,
  decide: (() => Promise<unknown>) | null,
): Promise<Contender> {
  const identities = new Map<number, string>();
  return openSessions(settings, async (sessions, value, gid) => {
    const names = sessions.map((_, index) => `${gid}_${index}`);
    const runners = sessions.map(runnerOf);
    if (identities.size === 0) await identify(runners, identities);
    await Promise.all(
      runners.map((runner, index) => runner.run(`BEGIN; ${markBranch({ gid: names[index]! })}`)),
    );
    await Promise.all(sessions.map((sql) => sql`INSERT INTO entry VALUES ('bench', ${value})`));
    await allDone(
      sessions,
      (index) => prepareBranch(runners[index]!, names[index]!, null, identities.get(index)),
    );
    if (decide !== null) await decide();
    await allDone(sessions, (index) => settleBranch(runners[index]!, "COMMIT", names[index]!));
  });
}

function runnerOf(sql: ReservedSql): StatementRunner {
  return { run: (text) => resultsOf(sql.unsafe(text, [])) };
}

async function identify(
  runners: readonly StatementRunner[],
  identities: Map<number, string>,
): Promise<void> {
  for (const [index, runner] of runners.entries()) {
    identities.set(index, (await checkPostgresql(runner, "by_hand_")).identity);
  }
}

/** Asks every session at once, and fails unless all have done it. */
async function allDone(
  sessions: Sessions,
  ask: (index: number) => Promise<{ readonly kind: string; readonly error?: unknown }>,
): Promise<void> {
  for (const answer of await Promise.all(sessions.map((_, index) => ask(index)))) {
    if (answer.kind !== "done") throw answer.error;
  }
}
