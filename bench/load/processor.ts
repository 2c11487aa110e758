/**
 * Who used the processor while something was measured: what was not ours is noise.
 *
 * @module
 */

import process from "node:process";

/** Ticks of a second in `/proc/stat`, the same on every Linux that Deno runs on. */
const TICKS = 100;

/** What the machine and this process have used so far. */
export interface ProcessorReading {
  /** Milliseconds since some fixed point. */
  readonly at: number;
  /** Seconds that all processors were busy; `null` where nobody says. */
  readonly busy: number | null;
  /** Seconds that another virtual machine had instead; `null` where nobody says. */
  readonly stolen: number | null;
  /** Seconds that this process was busy, in all its threads. */
  readonly own: number;
}

/** What was used between two readings, in processors: 1 is one processor all the time. */
export interface ProcessorUse {
  /** By this process. */
  readonly own: number;
  /** By others; `null` where nobody says. */
  readonly foreign: number | null;
  /** By another virtual machine; `null` where nobody says. */
  readonly stolen: number | null;
}

/** Reads what has been used so far. */
export function readProcessor(): ProcessorReading {
  const { user, system } = process.cpuUsage();
  return { at: performance.now(), ...readMachine(), own: (user + system) / 1e6 };
}

/** What was used since a reading. */
export function processorUse(before: ProcessorReading, after: ProcessorReading): ProcessorUse {
  const seconds = (after.at - before.at) / 1000;
  const own = (after.own - before.own) / seconds;
  const since = (field: "busy" | "stolen") => {
    const [start, end] = [before[field], after[field]];
    return start === null || end === null ? null : (end - start) / seconds;
  };
  const busy = since("busy");
  // Ticks are coarse: what comes out a little below nothing is nothing.
  return { own, foreign: busy === null ? null : Math.max(0, busy - own), stolen: since("stolen") };
}

/**
 * Reads the first line of `/proc/stat`.
 *
 * @param text The file.
 * @returns Seconds; `null` if it is not as expected.
 */
export function parseProcStat(text: string): { busy: number; stolen: number } | null {
  const columns = /^cpu +([0-9 ]+)$/m.exec(text)?.[1]?.trim().split(/ +/).map(Number);
  if (columns === undefined || columns.length < 8) return null;
  const [user = 0, nice = 0, system = 0, , , interrupts = 0, soft = 0, stolen = 0] = columns;
  return { busy: (user + nice + system + interrupts + soft) / TICKS, stolen: stolen / TICKS };
}

function readMachine(): { busy: number | null; stolen: number | null } {
  try {
    return parseProcStat(Deno.readTextFileSync("/proc/stat")) ?? { busy: null, stolen: null };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { busy: null, stolen: null };
    throw error;
  }
}
