/**
 * Guarantees of a round: it is over when each branch has answered, failed or had its time; nobody is heard
 * twice or after that; and nothing of it is left, neither a timer nor a watch over the deadline.
 */

import { assertEquals, assertRejects } from "@std/assert";
import { BranchFacts, GidPrefix } from "../../src/coordinator/branch_facts.ts";
import { Deadline, DeadlineError } from "../../src/coordinator/deadline.ts";
import { EnlistedBranch } from "../../src/coordinator/enlisted_branch.ts";
import { askOne, PromisedRound, type RoundLimits } from "../../src/coordinator/round.ts";
import { SteppedClock } from "./support/stepped_clock.ts";
import { Workbench } from "./support/workbench.ts";

const PREFIX = new GidPrefix("fake");

/** A question whose answers the test gives, and what came of it. */
class Asked extends PromisedRound<string, string[]> {
  readonly answers = new Map<string, PromiseWithResolvers<string>>();
  readonly log: string[] = [];
  asksAgain: ((name: string, answer: string) => boolean) | null = null;

  protected commandTo(): string {
    return "SAY";
  }

  ask({ participant }: EnlistedBranch): Promise<string> {
    const answer = Promise.withResolvers<string>();
    this.answers.set(participant, answer);
    return answer.promise;
  }

  protected heard({ participant }: EnlistedBranch, answer: string): true | void {
    this.log.push(`${participant}: ${answer}`);
    if (this.asksAgain?.(participant, answer)) return true;
  }

  protected unheard({ participant }: EnlistedBranch, error: unknown): void {
    this.log.push(`${participant} failed: ${error instanceof Error ? error.message : error}`);
  }

  protected result(): string[] {
    return this.log;
  }
}

async function make() {
  const bench = await Workbench.open();
  const transaction = await bench.begin();
  await transaction.rollback();
  const clock = new SteppedClock();
  const branches = [...bench.members.values()].map((member, place) =>
    new EnlistedBranch(member, new BranchFacts("north", PREFIX, "7", place), clock)
  );
  const asked = new Asked();
  const ask = (limits: Partial<RoundLimits> = {}) =>
    asked.askAll(branches, { clock, milliseconds: 700, ...limits });
  return { clock, branches, asked, ask };
}

Deno.test("askAll() is over when the last has answered, in whatever order", async () => {
  const { clock, asked, ask } = await make();
  const round = ask();
  asked.answers.get("south")!.resolve("yes");
  await clock.settle();
  assertEquals(asked.log, ["south: yes"]);
  asked.answers.get("north")!.resolve("no");
  assertEquals(await round, ["south: yes", "north: no"]);
  assertEquals(clock.timers, 0);
});

Deno.test("askAll() hears a failure as one, and waits for the others", async () => {
  const { clock, asked, ask } = await make();
  const round = ask();
  asked.answers.get("north")!.reject(new Error("lost"));
  await clock.settle();
  asked.answers.get("south")!.resolve("yes");
  assertEquals(await round, ["north failed: lost", "south: yes"]);
});

Deno.test("askAll() takes who has not answered in time for silent, and hears nothing later", async () => {
  const { clock, asked, ask } = await make();
  const round = ask();
  asked.answers.get("north")!.resolve("yes");
  assertEquals(await clock.run(round), [
    "north: yes",
    'south failed: "south" did not answer SAY in 700 ms',
  ]);
  assertEquals(clock.elapsed(), 700);
  asked.answers.get("south")!.resolve("late");
  await clock.settle();
  assertEquals(asked.log.length, 2);
});

Deno.test("askAll() ends with the transaction's time, and lets go of it when it is over", async () => {
  const { clock, asked, ask } = await make();
  using deadline = new Deadline(clock, 300);
  assertEquals(await clock.run(ask({ deadline })), [
    "north failed: its timeout of 300 ms passed",
    "south failed: its timeout of 300 ms passed",
  ]);
  asked.log.length = 0;
  using later = new Deadline(clock, 10_000);
  const round = ask({ deadline: later, milliseconds: null });
  for (const answer of asked.answers.values()) answer.resolve("yes");
  await round;
  later.expire(new DeadlineError("late", false));
  assertEquals(asked.log, ["north: yes", "south: yes"]);
});

Deno.test("askAll() asks nobody when time is up before", async () => {
  const { clock, asked, ask } = await make();
  using deadline = new Deadline(clock, 1000, AbortSignal.abort());
  assertEquals(await ask({ deadline }), [
    "north failed: its signal was aborted",
    "south failed: its signal was aborted",
  ]);
  assertEquals(asked.answers.size, 0);
});

Deno.test("askAll() waits for what a branch is asked next, within the same time", async () => {
  const { clock, asked, ask } = await make();
  asked.asksAgain = (name, answer) => name === "north" && answer === "yes";
  const round = ask();
  for (const answer of asked.answers.values()) answer.resolve("yes");
  await clock.pass(600);
  asked.answers.get("north")!.resolve("and more");
  assertEquals(await round, ["north: yes", "south: yes", "north: and more"]);
});

Deno.test("askAll() is over at once if there is nobody to ask", async () => {
  const { clock, asked } = await make();
  assertEquals(await asked.askAll([], { clock, milliseconds: 700 }), []);
  assertEquals(clock.timers, 0);
});

Deno.test("askAll() throws what hearing throws, and goes on hearing the others", async () => {
  const { clock, asked, ask } = await make();
  asked.asksAgain = (name) => {
    if (name === "north") throw new TypeError("cannot hear");
    return false;
  };
  const round = ask();
  asked.answers.get("north")!.resolve("yes");
  await assertRejects(() => round, TypeError, "cannot hear");
  asked.answers.get("south")!.resolve("yes");
  await clock.settle();
  assertEquals(asked.log, ["north: yes", "south: yes"]);
  assertEquals(clock.timers, 0);
});

Deno.test("askOne() gives the answer, or says why there is none", async () => {
  const { clock, branches } = await make();
  const [branch] = branches;
  const limits = { clock, milliseconds: 700 };
  assertEquals(await askOne(branch!, "SAY", () => Promise.resolve("yes"), limits), "yes");
  const silent = await clock.run(
    askOne(branch!, "SAY", () => new Promise<string>(() => {}), limits),
  );
  assertEquals(silent, {
    kind: "unknown",
    error: new Error('"north" did not answer SAY in 700 ms'),
  });
});
