/**
 * Faults as a seed draws them: slow databases, lost answers, refusals, commands that come late or
 * that a dead process has left on their way. Each seed has its own mixture, so that rare ones meet
 * each other.
 *
 * @module
 */

import { sleep } from "../../../src/platform/clock.ts";
import type { SeededRandom } from "../../simulation/seeded_random.ts";
import type { FakeDatabase } from "./fake_database.ts";
import {
  type Answers,
  type Call,
  type Command,
  type Fault,
  lostAfter,
  lostBefore,
} from "./faults.ts";
import type { Site } from "./site.ts";

/** How likely each fault is in one run. */
export interface Mixture {
  /** The command never comes. */
  readonly before: number;
  /** The command comes, its answer does not. */
  readonly after: number;
  /** The answer is lost, the command comes later. */
  readonly late: number;
  /** Nothing is heard for so long that everybody has given up. */
  readonly hang: number;
  /** The database says no, or not now. */
  readonly refuse: number;
  /** A person has ended a branch just before. */
  readonly meddle: number;
}

const COMMANDS: readonly Command[] = [
  "check",
  "acquire",
  "begin",
  "examine",
  "prepare",
  "commit",
  "rollback",
  "interrupt",
  "commitPrepared",
  "rollbackPrepared",
  "listPrepared",
  "outcomeOf",
];

/** Longer than anybody waits. */
const HANG_MS = 40_000;
const LATE_MS = 5_000;
const ANSWER_MS = 30;

/** Draws the mixture of one run; in many runs most faults do not occur at all. */
export function drawMixture(random: SeededRandom): Mixture {
  const likelihood = (most: number) => random.chance(0.4) ? random.fraction() * most : 0;
  return {
    before: likelihood(0.15),
    after: likelihood(0.15),
    late: likelihood(0.1),
    hang: likelihood(0.05),
    refuse: likelihood(0.2),
    meddle: random.chance(0.15) ? random.fraction() * 0.3 : 0,
  };
}

/** Puts the faults of a mixture before every command of a database. */
export function disturb(
  site: Site,
  database: FakeDatabase,
  mixture: Mixture,
  meddle: () => void,
): void {
  const random = site.random.fork();
  for (const command of COMMANDS) {
    const fault = disturbed(site, random, mixture, command);
    database.script.always(command, async (call: Call<Answers[typeof command]>) => {
      if (command.endsWith("Prepared") && random.chance(mixture.meddle)) meddle();
      return await fault(call);
    });
  }
}

/** Takes them away again. */
export function leaveInPeace(database: FakeDatabase): void {
  for (const command of COMMANDS) database.script.always(command, null);
}

function disturbed<C extends Command>(
  site: Site,
  random: SeededRandom,
  mixture: Mixture,
  command: C,
): Fault<Answers[C]> {
  return async (call) => {
    const sender = site.participants;
    await sleep(site.clock, random.below(ANSWER_MS));
    // What a dead process has sent may still arrive or not.
    if (sender !== site.participants && random.chance(0.5)) return lostBefore(call);
    return await drawFate(site, random, mixture, command)(call);
  };
}

/** What becomes of one command. */
function drawFate<C extends Command>(
  site: Site,
  random: SeededRandom,
  { after, before, hang, late, refuse }: Mixture,
  command: C,
): Fault<Answers[C]> {
  let rest = random.fraction();
  const is = (likelihood: number) => (rest -= likelihood) < 0;
  if (is(before)) return lostBefore;
  if (is(after)) return lostAfter;
  if (is(late)) {
    return (call) => {
      call.postpone(sleep(site.clock, random.below(LATE_MS)));
      return call.lose();
    };
  }
  if (is(hang)) return async (call) => (await sleep(site.clock, HANG_MS), lostBefore(call));
  return is(refuse) ? refusalOf(random, command) : (call) => call.effect();
}

const NOT_NOW = new Error("not now");

function refusalOf<C extends Command>(random: SeededRandom, command: C): Fault<Answers[C]> {
  if (command === "prepare" || command === "commit") {
    return (call: Call<Answers[C]>) => {
      call.abandon();
      const answer: Answers["prepare"] = { kind: "refused", error: NOT_NOW, retryable: true };
      return answer as Answers[C];
    };
  }
  if (command === "commitPrepared" || command === "rollbackPrepared") {
    const kind = random.pick(["later", "operator", "absent"] as const);
    const answer: Answers["commitPrepared"] = kind === "absent"
      ? { kind }
      : { kind, error: NOT_NOW };
    return () => answer as Answers[C];
  }
  return (call) => call.effect();
}
