/**
 * The end of a run: faults have stopped, and a world must come to rest within a bounded time. Then
 * its coordinator is closed and opened twice, and everything that the invariants ask for is noted.
 */

import { type FinalState, InvariantViolation, type Status } from "./evidence.ts";
import { putRight } from "./operator.ts";
import { DIRECTORY, type SimulatedProcess } from "./process.ts";
import type { World } from "./world.ts";

/** By then everything must be settled: sweeps, back-off at its cap, and a rest of a minute for each. */
const LIVENESS_MS = 300_000;
const STEP_MS = 5_000;

/** Lets time pass until nothing is in doubt, or for as long as that may take. */
export async function comeToRest(world: World): Promise<void> {
  for (let waited = 0; waited < LIVENESS_MS && !isAtRest(world); waited += STEP_MS) {
    void putRight(world);
    await world.pass(STEP_MS);
  }
}

/**
 * Ends a world that is at rest.
 *
 * @param openings How often the coordinator is closed and opened again.
 */
export async function endWorld(world: World, openings: number): Promise<FinalState> {
  const { coordinator, evidence, process, servers } = world;
  if (process === null || coordinator === null) {
    throw new InvariantViolation("I6", "no coordinator could be opened after faults have stopped");
  }
  evidence.lastProcess = process.number;
  const unsettled = coordinator.inDoubt().map(({ id }) => id);
  const { sessions } = process;
  const statuses = statusesOf(world);
  const lastRecovery = await recoverAgain(world, openings);
  statuses.push(...statusesOf(world));
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
    statuses,
    lastRecovery,
  };
}

function isAtRest(world: World): boolean {
  const { coordinator, evidence, process, servers } = world;
  if (coordinator === null || coordinator.inDoubt().length > 0) return false;
  return servers.every((server) => world.preparedOf(server).length === 0) &&
    !evidence.attempts.some((one) => one.heard === "nothing" && one.process === process?.number);
}

/** What the present coordinator says of every transaction that it or its log knows. */
function statusesOf({ coordinator, evidence, process }: World): Status[] {
  if (coordinator === null) return [];
  const own = evidence.attempts.filter(({ id }) => id.startsWith(`${coordinator.id}_`));
  return own.map((attempt) => ({
    id: attempt.id,
    status: coordinator.status(attempt.id.slice(coordinator.id.length + 1)),
    isOwn: attempt.process === process?.number,
  }));
}

/**
 * Closes and opens again. An End need not reach the disk, so that one opening may find what has ended
 * long ago; gives what every later one has found.
 */
async function recoverAgain(world: World, openings: number): Promise<string[]> {
  const found: string[] = [];
  for (let opening = 0; opening < openings; opening++) {
    const recovered = await reopen(world);
    if (opening > 0) found.push(...recovered);
  }
  return found;
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
