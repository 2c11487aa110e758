/**
 * Looks into a log as it would be found if the world ended now: a copy of the disk is made at that
 * very moment, after a power cut or not, and read a little later by the production code of a next
 * opening. The world does not notice.
 */

import { MAX_OUTCOMES } from "../../../src/coordinator/options.ts";
import { WalDecisionLog } from "../../../src/coordinator/wal_decision_log.ts";
import { ManualClock } from "../manual_clock.ts";
import type { MemoryDisk } from "../memory_disk.ts";
import { SeededRandom } from "../seeded_random.ts";
import { simulatedPlatform } from "../simulated_platform.ts";
import type { LogProbe } from "./evidence.ts";

type Planned = Omit<LogProbe, "decided"> & { readonly disk: MemoryDisk };

/** The probes of one run. */
export class LogProbes {
  readonly #directory: string;
  readonly #random: SeededRandom;
  #planned: Planned[] = [];

  constructor(directory: string, random: SeededRandom) {
    this.#directory = directory;
    this.#random = random;
  }

  /** Copies the disk as it is found later. */
  take(disk: MemoryDisk, probe: Omit<LogProbe, "decided">): void {
    const copy = probe.after === "kill" ? disk.kill() : disk.crash(this.#random);
    this.#planned.push({ ...probe, disk: copy });
  }

  /** Reads what was copied. */
  async read(): Promise<LogProbe[]> {
    const planned = this.#planned;
    if (planned.length === 0) return [];
    this.#planned = [];
    const probes: LogProbe[] = [];
    for (const { disk, ...probe } of planned) {
      probes.push({ ...probe, decided: await this.#decisionsOn(disk, probe.required) });
    }
    return probes;
  }

  /** What is decided and not over, and what of the required is known to have committed. */
  async #decisionsOn(disk: MemoryDisk, required: readonly string[]): Promise<string[]> {
    const platform = simulatedPlatform(disk, new SeededRandom(1), new ManualClock());
    const log = await WalDecisionLog.open(this.#directory, platform, MAX_OUTCOMES);
    const decided = log.recovered.filter(({ decided }) => decided)
      .map(({ txn }) => `${log.coordinator}_${txn}`);
    const committed = required.filter((id) => {
      const txn = id.slice(log.coordinator.length + 1);
      return id === `${log.coordinator}_${txn}` && log.outcomeOf(BigInt(txn)) === true;
    });
    await log.close();
    return [...decided, ...committed];
  }
}
