/**
 * The end of a run: faults have stopped, and a world must come to rest within a bounded time. Then
 * its coordinator is closed and opened twice, and everything that the invariants ask for is noted.
 */

import { type FinalState, idOfGid, InvariantViolation } from "./evidence.ts";
import { DIRECTORY, type SimulatedProcess } from "./process.ts";
import type { World } from "./world.ts";

/** By then everything must be settled: sweeps, back-off at its cap, and a rest of a minute for each. */
const LIVENESS_MS = 300_000;
const STEP_MS = 5_000;

/** Lets time pass until nothing is in doubt, or for as long as that may take. */
export async function comeToRest(world: World): Promise<void> {
  for (let waited = 0; waited < LIVENESS_MS && !isAtRest(world); waited += STEP_MS) {
    decideWhatWasLost(world);
    await world.pass(STEP_MS);
  }
}

/** Ends a world that is at rest. */
export async function endWorld(world: World): Promise<FinalState> {
  const { coordinator, evidence, process, servers } = world;
  if (process === null || coordinator === null) {
    throw new InvariantViolation("I6", "no coordinator could be opened after faults have stopped");
  }
  evidence.lastProcess = process.number;
  const { unsettled } = coordinator;
  const { sessions } = process;
  // An End need not reach the disk: the first opening may find what has ended long ago.
  await reopen(world);
  const lastRecovery = await reopen(world);
  const last = await close(world);
  const { disk } = last;
  const files = disk.namesIn(DIRECTORY);
  return {
    rows: new Map(servers.map(({ name, rows }) => [name, rows])),
    prepared: new Map(servers.map(({ name, prepared }) => [name, [...prepared.keys()]])),
    unsettled,
    sessions,
    files,
    bytes: files.reduce((sum, name) => sum + disk.bytesOf(`${DIRECTORY}/${name}`).length, 0),
    leftOpen: [...disk.openFiles, ...(last.timers > 0 ? [`${last.timers} timers`] : [])],
    statuses: new Map(),
    lastRecovery,
  };
}

function isAtRest(world: World): boolean {
  const { coordinator, evidence, process, servers } = world;
  if (coordinator === null || coordinator.unsettled > 0) return false;
  return servers.every((server) => world.preparedOf(server).length === 0) &&
    !evidence.attempts.some((one) => one.heard === "nothing" && one.process === process?.number);
}

/** Where the log has lost decisions, a person finds out what they were, and ends the branches. */
function decideWhatWasLost(world: World): void {
  const { evidence, servers, timeline } = world;
  const told = new Set(
    evidence.events.flatMap(({ event }) => event.type === "branch-uncertain" ? [event.gid] : []),
  );
  const decided = evidence.decidedIds();
  for (const server of servers) {
    for (const gid of world.preparedOf(server)) {
      if (!told.has(gid)) continue;
      const ending = decided.has(idOfGid(gid)) ? "commit" : "rollback";
      timeline.note(`a person finds out about ${gid} at ${server.name}: ${ending}`);
      try {
        server.endPrepared(gid, ending, null);
      } catch (error) {
        timeline.note(`that person is told: ${error}`);
      }
    }
  }
}

/** Closes, and opens once more; gives what there was to do. */
async function reopen(world: World): Promise<string[]> {
  const before = world.process;
  void world.restart();
  await world.pass(STEP_MS);
  const { coordinator, process } = world;
  if (coordinator === null || process === before) {
    throw new InvariantViolation("I6", "the coordinator could not be closed and opened again");
  }
  const { committed, rolledBack } = coordinator.recovery;
  return [...committed, ...rolledBack];
}

async function close(world: World): Promise<SimulatedProcess> {
  const { coordinator, process } = world;
  if (coordinator === null || process === null) throw new Error("Cannot close: nothing is open");
  let isClosed = false;
  const closing = coordinator.close().then(() => isClosed = true);
  await world.pass(STEP_MS);
  if (!isClosed) throw new InvariantViolation("I6", "the coordinator could not be closed");
  await closing;
  return process;
}
