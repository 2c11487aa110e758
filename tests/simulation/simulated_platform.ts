/**
 * A machine in the hands of a test: a simulated disk, a clock that stands still, seeded randomness.
 */

import type { Platform } from "../../src/platform/platform.ts";
import { ManualClock } from "./manual_clock.ts";
import { MemoryDisk } from "./memory_disk.ts";
import { SeededRandom } from "./seeded_random.ts";

/** A platform whose parts the test can reach. */
export interface SimulatedPlatform extends Platform {
  readonly fileSystem: MemoryDisk;
  readonly clock: ManualClock;
  readonly randomness: SeededRandom;
}

/** Process id of the simulated machine. */
export const SIMULATED_PROCESS = 4711;

/** Makes a machine with that disk. */
export function simulatedPlatform(
  fileSystem: MemoryDisk = new MemoryDisk(),
  randomness: SeededRandom = new SeededRandom(1),
  clock: ManualClock = new ManualClock(),
): SimulatedPlatform {
  return { fileSystem, clock, randomness, processId: SIMULATED_PROCESS };
}
