/**
 * Guarantees the promise itself under random faults and crashes: a transaction ends the same way in
 * every database that it wrote to, it committed if its client heard so and did not if the client
 * heard that, once faults stop nothing stays in doubt, and nobody else's transaction is touched. A
 * failing run prints its seed; INDOUBT_SEED runs it again.
 */

import { assert, assertEquals } from "@std/assert";
import type { SeededRandom } from "../simulation/seeded_random.ts";
import { seededTest } from "../simulation/seeds.ts";
import { type Attempt, Model } from "./support/model.ts";

const SEEDS = 300;

seededTest(
  "Coordinator keeps both-or-neither through faults and crashes",
  SEEDS,
  async (random) => {
    await runModel(random);
  },
);

/** Runs a model and checks what it has come to. */
async function runModel(random: SeededRandom): Promise<void> {
  const model = new Model(random);
  const { clock } = model.site;
  const coordinator = await model.run();
  const meddled = model.attempts.filter(({ id }) => isMeddled(model, id));
  for (const attempt of model.attempts) {
    if (meddled.includes(attempt)) assertTold(model, attempt);
    else assertWhole(model, attempt);
  }
  assertForeignUntouched(model);
  assertEquals(coordinator.unsettled, 0, "branches are not settled though every fault is over");
  await clock.run(coordinator.close());
  await assertForgotten(model, meddled.map(({ id }) => id));
  for (const { sessions, violations } of model.site.databases) {
    assertEquals([sessions, violations], [0, []]);
  }
}

/** Where a transaction's row is, once for each time that it is there. */
function findRow(model: Model, id: string): string[] {
  return model.site.databases
    .flatMap(({ name, rows }) => rows.filter((row) => row === id).map(() => name));
}

/** Written everywhere or nowhere, and as its client heard. */
function assertWhole(model: Model, { heard, id, wrote }: Attempt): void {
  const found = findRow(model, id);
  const all = [...wrote].sort();
  const what = `transaction ${id} over ${all.join(", ")}, of which its client heard: ${heard}`;
  if (heard === "committed") return assertEquals(found, all, what);
  if (heard === "aborted") return assertEquals(found, [], what);
  assert(heard !== "heuristic", `${what}, though nobody meddled`);
  assert(found.length === 0 || found.join() === all.join(), `${what}: it is in ${found}`);
}

/** What a person rolled back though it was decided is told; nothing is committed twice. */
function assertTold(model: Model, { heard, id, wrote }: Attempt): void {
  const found = findRow(model, id);
  assertEquals(found.length, new Set(found).size, `transaction ${id} is twice in a database`);
  const isMissing = found.length < wrote.length;
  if (!isMissing || (heard !== "committed" && heard !== "heuristic")) return;
  const isTold = model.site.events.some((event) =>
    event.type === "heuristic-outcome" && event.transactionId === id
  );
  assert(isTold, `transaction ${id} is only in ${found} and nobody was told`);
}

function assertForeignUntouched(model: Model): void {
  assertEquals(model.site.prepared, model.foreign, "what the databases hold prepared");
}

/** After a second opening the log holds nothing any more, but for what a person has ended. */
async function assertForgotten(model: Model, meddled: readonly string[]): Promise<void> {
  for (let opening = 0; opening < 2; opening++) {
    const coordinator = await model.reopen();
    const { committed, rolledBack, pending } = coordinator.recovery;
    assertEquals(pending.filter((id) => !meddled.includes(id)), []);
    // An End need not reach the disk: the first opening may find what has ended long ago.
    if (opening > 0) assertEquals([committed, rolledBack], [[], []], "the log has not forgotten");
    await model.site.clock.run(coordinator.close());
  }
}

function isMeddled(model: Model, id: string): boolean {
  return [...model.meddled].some((gid) => gid.includes(`_${id}_`));
}
