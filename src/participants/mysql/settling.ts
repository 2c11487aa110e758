/**
 * Ends prepared branches from sessions that are not their own.
 *
 * On MariaDB an OK to that is not believed where it can be looked at: it may have done nothing
 * (`left_branches.ts`). Then the branch's row in the outcome table is still locked, nobody lists the branch any
 * more, and it can be ended only after a restart of the server, which finds it again.
 *
 * @module
 */

import type { SettleAnswer } from "../../coordinator/participant.ts";
import type { Clock } from "../../platform/clock.ts";
import type { LeaveBranch } from "./branch.ts";
import { LeftBranches } from "./left_branches.ts";
import type { OutcomeTable } from "./outcome_table.ts";
import type { StatementRunner } from "./session.ts";
import { settleBranch } from "./statements.ts";

/** The branches of one participant that are to be ended. */
export class Settling {
  readonly #left: LeftBranches;
  /** Whether the server is known to be a MariaDB. */
  #isWary = false;
  #outcomeTable: OutcomeTable | null = null;
  /** Those that an OK has taken out of the server's list without ending them. */
  readonly #stuck = new Set<string>();

  /** Is told of branches that are left prepared. */
  readonly leave: LeaveBranch = (gid, session) => this.#left.add(gid, session);

  /**
   * Begins.
   *
   * @param clock Measures how long sessions are gone.
   */
  constructor(clock: Clock) {
    this.#left = new LeftBranches(clock);
  }

  /**
   * From now on looks for the session of a branch before it is ended, and for its row afterwards.
   *
   * @param outcomeTable The table; `null` if there is none.
   */
  beware(outcomeTable: OutcomeTable | null): void {
    this.#isWary = true;
    this.#outcomeTable = outcomeTable;
  }

  /**
   * Ends a branch.
   *
   * @param runner Any session of the server that is in no transaction.
   * @param verb What to do with it.
   * @param gid The branch.
   * @returns The answer.
   * @throws The driver's error if it could not be looked whether the branch may be named, or has ended.
   */
  async settle(
    runner: StatementRunner,
    verb: "COMMIT" | "ROLLBACK",
    gid: string,
  ): Promise<SettleAnswer> {
    if (this.#isWary && !await this.#left.waitUntilFree(runner, gid)) {
      return {
        kind: "later",
        error: new Error(`Cannot settle ${gid}: the session that prepared it has not ended`),
      };
    }
    const answer = await settleBranch(runner, verb, gid);
    if (answer.kind !== "done" && answer.kind !== "absent") return answer;
    this.#left.delete(gid);
    const isDoubtful = answer.kind === "done" || this.#stuck.has(gid);
    return this.#isWary && isDoubtful ? await this.#confirm(runner, gid, answer) : answer;
  }

  async #confirm(
    runner: StatementRunner,
    gid: string,
    answer: SettleAnswer,
  ): Promise<SettleAnswer> {
    if (await this.#outcomeTable?.look(runner, gid) !== "locked") {
      this.#stuck.delete(gid);
      return answer;
    }
    this.#stuck.add(gid);
    const error = new Error(
      `Cannot settle ${gid}: the server has answered with OK and not ended it, and does not list it ` +
        "any more, restart the server, which then lists it again",
    );
    return { kind: "operator", error };
  }
}
