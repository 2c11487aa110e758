/**
 * What people and machines do to databases and logs besides the protocol: outages, failovers,
 * restored backups, prepared transactions ended by hand, failing disks, damaged logs, a wrong
 * database behind a name.
 */

import type { MemoryDisk } from "../memory_disk.ts";
import type { SeededRandom } from "../seeded_random.ts";
import { idOfGid } from "./evidence.ts";
import { interfere } from "./operator.ts";
import { DIRECTORY } from "./process.ts";
import type { SimulatedServer } from "./simulated_server.ts";
import { MANY_OUTCOMES, type Swarm } from "./swarm.ts";
import type { World } from "./world.ts";

const LONGEST_OUTAGE_MS = 4_000;
/** Where a segment's header is. */
const HEADER_BYTES = 16;

/** The accidents of one run. */
export class Accidents {
  readonly #world: World;
  readonly #swarm: Swarm;
  readonly #random: SeededRandom;
  #isPeace = false;

  constructor(world: World, swarm: Swarm, random: SeededRandom) {
    this.#world = world;
    this.#swarm = swarm;
    this.#random = random;
    world.damage = (disk) => this.#damage(disk);
    world.route = (server) => this.#route(server);
  }

  /** Spreads what is to happen over the safety phase. */
  plan(): void {
    const { clockJumps, closes, diskFaults, failovers } = this.#swarm;
    const { interferences, lostCommits, meddlings, outages, restores, swaps } = this.#swarm;
    this.#sometime(closes, () => void this.#world.restart());
    this.#sometime(outages, () => this.#outage(this.#server()));
    this.#sometime(failovers, () => this.#failOver(this.#server()));
    this.#sometime(restores, () => this.#planRestore(this.#server()));
    this.#sometime(lostCommits, () => this.#loseCommit(this.#server()));
    this.#sometime(swaps, () => this.#swap(this.#server()));
    this.#sometime(meddlings, () => this.#meddle(this.#server()));
    this.#sometime(interferences, () => void this.#interfere());
    this.#sometime(diskFaults, () => this.#failDisk());
    this.#sometime(clockJumps, () => {
      this.#world.clock.jump((this.#random.fraction() - 0.5) * 1e12);
    });
  }

  /** From now on nothing happens any more, and what was broken is mended. */
  stop(): void {
    const { disk, process, servers } = this.#world;
    this.#isPeace = true;
    disk.mend();
    for (const server of servers) {
      this.#swapBack(server);
      server.reachable = true;
      server.readOnly = false;
    }
    const isWrong = process?.servers.some((server) => !servers.includes(server));
    if (isWrong && this.#world.coordinator === null) this.#world.crash("kill");
    else if (isWrong) void this.#world.restart();
  }

  #sometime(times: number, action: () => void): void {
    for (let count = 0; count < times; count++) {
      this.#world.clock.after(this.#random.below(this.#swarm.safety), action);
    }
  }

  #later(action: () => void): void {
    this.#world.clock.after(this.#random.below(LONGEST_OUTAGE_MS), () => {
      if (!this.#isPeace) action();
    });
  }

  #server(): SimulatedServer {
    return this.#random.pick(this.#world.servers);
  }

  #outage(server: SimulatedServer): void {
    this.#world.timeline.note(`${server.name} goes away`);
    server.goAway();
    this.#later(() => {
      this.#world.timeline.note(`${server.name} is back`);
      server.reachable = true;
    });
  }

  /** A standby takes over that has everything, and is made writable after a while. */
  #failOver(server: SimulatedServer): void {
    this.#world.timeline.note(`${server.name} fails over to a standby`);
    server.goAway();
    server.reachable = true;
    server.readOnly = true;
    this.#later(() => {
      this.#world.timeline.note(`${server.name} takes writes again`);
      server.readOnly = false;
    });
  }

  /** For a while another database is reached under the name, with the process still at work. */
  #swap(server: SimulatedServer): void {
    const { standIns, timeline } = this.#world;
    if (standIns.has(server) || !server.reachable || !this.#isKnown(server)) return;
    const kind = server.kind === "postgresql" ? "postgresql" : "mariadb";
    const stranger = this.#world.makeServer(server.name, kind, `another ${server.name}`);
    timeline.note(`${server.name} is swapped for another database`);
    server.goAway();
    standIns.set(server, stranger);
    this.#later(() => this.#swapBack(server));
  }

  #swapBack(server: SimulatedServer): void {
    const { standIns, timeline } = this.#world;
    standIns.get(server)?.goAway();
    if (!standIns.delete(server)) return;
    timeline.note(`${server.name} is itself again`);
    server.reachable = true;
  }

  /** A backup, or a standby that has not everything, takes a database's place. */
  #planRestore(server: SimulatedServer): void {
    const restore = server.snapshot();
    const from = this.#world.clock.elapsed();
    this.#later(() => {
      const at = this.#world.clock.elapsed();
      this.#world.timeline.note(`${server.name} goes back to ${from} ms`);
      restore();
      this.#world.evidence.restores.push({ participant: server.name, from, at });
    });
  }

  /** A standby takes over that lacks the last commit: what was committed is prepared again. */
  #loseCommit(server: SimulatedServer): void {
    const { clock, evidence, standIns, timeline } = this.#world;
    const gid = server.reachable && !standIns.has(server) ? server.loseCommit() : null;
    if (gid === null) {
      clock.after(1 + this.#random.below(50), () => {
        if (!this.#isPeace) this.#loseCommit(server);
      });
      return;
    }
    timeline.note(`${server.name} fails over and has lost the commit of ${gid}`);
    const { damage, keepOutcomes } = this.#swarm;
    const at = clock.elapsed();
    evidence.lostCommits.push({ at, gid });
    // Who does not know how it ended presumes that it was rolled back, as of one that comes from a backup.
    const isKnown = keepOutcomes === MANY_OUTCOMES && damage === 0;
    if (!isKnown) evidence.restores.push({ participant: server.name, from: 0, at });
  }

  #meddle(server: SimulatedServer): void {
    const gids = this.#world.preparedOf(server);
    // Nothing is prepared most of the time: the person comes back soon.
    if (gids.length === 0) return this.#retryMeddling(server);
    const gid = this.#random.pick(gids);
    const ending = this.#random.pick(["commit", "rollback"] as const);
    try {
      server.endPrepared(gid, ending, null);
    } catch {
      return this.#retryMeddling(server);
    }
    const at = this.#world.clock.elapsed();
    this.#world.timeline.note(`a person ends ${gid} at ${server.name}: ${ending}`);
    this.#world.evidence.meddlings.push({
      at,
      participant: server.name,
      gid,
      id: idOfGid(gid),
      ending,
      isThroughCoordinator: false,
    });
  }

  /** Something is in doubt now and then only: the person looks again and again. */
  async #interfere(): Promise<void> {
    const { clock, coordinator } = this.#world;
    if (this.#isPeace) return;
    if (coordinator !== null && coordinator.inDoubt().length > 0) {
      return await interfere(this.#world, this.#random);
    }
    clock.after(1 + this.#random.below(50), () => void this.#interfere());
  }

  #retryMeddling(server: SimulatedServer): void {
    this.#world.clock.after(1 + this.#random.below(50), () => {
      if (!this.#isPeace) this.#meddle(server);
    });
  }

  #failDisk(): void {
    const { disk } = this.#world;
    const kind = this.#random.pick(["syncData", "write", "rename", "syncDirectory"] as const);
    const times = this.#random.chance(0.4) ? Infinity : 1;
    this.#world.timeline.note(`the disk fails ${kind}, ${times} times`);
    disk.fail({ kind, skip: this.#random.below(3), times });
    this.#later(() => disk.mend());
  }

  /** Takes synced records away in a way that the log can notice. */
  async #damage(disk: MemoryDisk): Promise<void> {
    if (this.#isPeace || !this.#random.chance(this.#swarm.damage)) return;
    const names = disk.namesIn(DIRECTORY);
    const segments = names.filter((name) => name.endsWith(".wal"));
    const last = segments.at(-1);
    const { evidence, clock, process, timeline } = this.#world;
    // A log whose first opening was not finished refuses what is damaged until a person vouches for it.
    if (last === undefined || process === null || !names.includes("identity.json")) return;
    timeline.note(`${last} is damaged`);
    evidence.damages.push({ at: clock.elapsed(), process: process.number });
    if (this.#random.chance(0.5)) {
      const path = `${DIRECTORY}/${last}`;
      const byte = this.#random.below(HEADER_BYTES);
      const bytes = disk.bytesOf(path);
      bytes[byte] = (bytes[byte] ?? 0) ^ 1 << this.#random.below(8);
      return disk.put(path, bytes);
    }
    // The segments, or everything, as when a volume was not kept.
    const lost = this.#random.chance(0.5) ? segments : names;
    disk.mend();
    for (const name of lost) await disk.remove(`${DIRECTORY}/${name}`);
    await disk.syncDirectory(DIRECTORY);
  }

  /** Somebody has configured another database under a name, once it is known. */
  #route(server: SimulatedServer): SimulatedServer {
    if (this.#isPeace || !this.#random.chance(this.#swarm.impostor)) return server;
    if (!this.#isKnown(server)) return server;
    const { timeline } = this.#world;
    timeline.note(`another database is in the place of ${server.name}`);
    this.#later(() => void this.#world.restart());
    return this.#world.makeServer(server.name, "postgresql", `another ${server.name}`);
  }

  /** Whether the log remembers what is behind a name; one that has lost everything takes what it finds. */
  #isKnown({ name }: SimulatedServer): boolean {
    return this.#swarm.damage === 0 &&
      this.#world.evidence.events.some(({ event }) =>
        event.type === "participant-ready" && event.participant === name
      );
  }
}
