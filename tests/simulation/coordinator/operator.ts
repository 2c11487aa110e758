/**
 * A person who watches a coordinator: looks at what is in doubt, ends branches against every advice
 * while faults last, and when the faults are over finds out what was lost and puts it right.
 */

import type { SeededRandom } from "../seeded_random.ts";
import { type Evidence, idOfGid } from "./evidence.ts";
import type { SimulatedCoordinator } from "./process.ts";
import type { World } from "./world.ts";

type InDoubt = ReturnType<SimulatedCoordinator["inDoubt"]>[number];

/** Ends or forgets something that is in doubt, if there is anything. */
export async function interfere(world: World, random: SeededRandom): Promise<void> {
  const { coordinator } = world;
  const inDoubt = coordinator?.inDoubt() ?? [];
  if (coordinator === null || inDoubt.length === 0) return;
  const one = random.pick(inDoubt);
  if (random.chance(0.2)) {
    return await attempt(world, `forget ${one.id}`, () => forget(world, coordinator, one, false));
  }
  const branch = random.pick(one.branches);
  const kind = random.pick(["commit", "rollback"] as const);
  const force = random.chance(0.5);
  await attempt(world, `${force ? "force " : ""}${kind} ${branch.gid}`, async () => {
    // What is forced may happen although its answer is lost.
    if (force || one.decision === "operator") {
      noteMeddling(world, branch.participant, branch.gid, kind);
    }
    await coordinator.resolve(one.id, branch.participant, kind, { reason: "a whim", force });
    const isAgainst = one.decision === "operator" || one.decision === kind;
    if (isAgainst || force) return;
    world.evidence.surprises.push(`${kind} of ${branch.gid} was not refused`);
  });
}

/** Puts right what can be put right: what the log has lost, and what has ended otherwise. */
export async function putRight(world: World): Promise<void> {
  const { coordinator, evidence } = world;
  if (coordinator === null) return;
  for (const id of lostCoordinators(evidence, coordinator.id)) {
    await attempt(world, `adopt ${id}`, () => coordinator.adopt(id, { reason: "its log is lost" }));
  }
  for (const one of coordinator.inDoubt()) {
    const isOver = one.branches.every(({ gid, participant, state }) =>
      state === "heuristic" ||
      (state === "waiting" && !isPrepared(world, participant, gid))
    );
    if (isOver) {
      await attempt(world, `forget ${one.id}`, () => forget(world, coordinator, one, true));
    } else if (one.decision === "operator") await endAsDecided(world, coordinator, one);
  }
}

/** What was decided can be seen in another database, or was found in an old copy of the log. */
async function endAsDecided(
  world: World,
  coordinator: SimulatedCoordinator,
  { id, branches }: InDoubt,
): Promise<void> {
  const decided = world.evidence.decidedIds();
  for (const { gid, participant } of branches) {
    const kind = decided.has(idOfGid(gid)) ? "commit" : "rollback";
    await attempt(
      world,
      `${kind} ${gid}`,
      () => coordinator.resolve(id, participant, kind, { reason: "the other database says so" }),
    );
  }
}

function isPrepared({ servers }: World, participant: string, gid: string): boolean {
  return servers.some(({ name, prepared }) => name === participant && prepared.has(gid));
}

async function forget(
  { evidence }: World,
  coordinator: SimulatedCoordinator,
  { id }: InDoubt,
  force: boolean,
): Promise<void> {
  await coordinator.forget(id, { reason: "the databases were compared", force });
  evidence.forgotten.add(`${coordinator.id}_${id}`);
}

async function attempt(world: World, what: string, action: () => Promise<void>): Promise<void> {
  const { timeline } = world;
  timeline.note(`a person wants to ${what}`);
  try {
    await action();
    timeline.note(`a person could ${what}`);
  } catch (error) {
    timeline.note(`a person could not ${what}: ${error}`);
  }
}

function noteMeddling(
  { clock, evidence }: World,
  participant: string,
  gid: string,
  ending: "commit" | "rollback",
): void {
  evidence.meddlings.push({
    at: clock.elapsed(),
    participant,
    gid,
    id: idOfGid(gid),
    ending,
    isThroughCoordinator: true,
  });
}

/** Coordinators of this world whose log is gone, but for those whose branches are somebody else's. */
function lostCoordinators(evidence: Evidence, present: string): string[] {
  return [...evidence.coordinators].filter((id) => id !== present);
}
