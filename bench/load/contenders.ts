/**
 * Who can be measured, by name.
 *
 * @module
 */

import type { Contender, ContenderSettings } from "./contender.ts";

/** Each is imported only where it is measured, so that the memory of a process is its own. */
const CONTENDERS = {
  "bare path": async () => (await import("./contenders/bare_path.ts")).openBarePath,
  commit: async () => (await import("./contenders/commit.ts")).openCommit,
  disk: async () => (await import("./contenders/disk.ts")).openDisk,
  forced: async () => (await import("./contenders/log.ts")).openForced,
  log: async () => (await import("./contenders/log.ts")).openLog,
  rotation: async () => (await import("./contenders/rotation.ts")).openRotation,
  sqlite: async () => (await import("./contenders/sqlite.ts")).openSqlite,
  "postgres same by hand": async () =>
    (await import("./contenders/same_by_hand.ts")).openSameByHand,
  "postgres same by hand, synced": async () =>
    (await import("./contenders/same_synced.ts")).openSameSynced,
  "postgres by hand": async () => (await import("./contenders/by_hand.ts")).openByHand,
  postgres: async () => (await import("./contenders/postgres.ts")).openPostgres,
  tuned: async () => (await import("./contenders/commit.ts")).openTuned,
} satisfies Record<string, () => Promise<(settings: ContenderSettings) => Promise<Contender>>>;

/** Name of a contender. */
export type ContenderName = keyof typeof CONTENDERS;

/**
 * What V8 is told in each contender's process. While others have their turn it would collect garbage for the
 * sake of memory, and throw away what it has compiled of all that nobody uses at that moment.
 */
const ALWAYS = "--no-memory-reducer";

const V8_FLAGS: Readonly<Record<string, string>> = {
  tuned: "--min-semi-space-size=64,--max-semi-space-size=64",
} satisfies Partial<Record<ContenderName, string>>;

/** With what a contender's process is started besides. */
export function processFlags(name: string): string[] {
  const own = V8_FLAGS[name];
  return [`--v8-flags=${own === undefined ? ALWAYS : `${ALWAYS},${own}`}`];
}

/**
 * Opens a contender.
 *
 * @throws {RangeError} If there is none of that name.
 */
export async function openContender(
  name: string,
  settings: ContenderSettings,
): Promise<Contender> {
  if (!Object.hasOwn(CONTENDERS, name)) {
    throw new RangeError(
      `Cannot measure "${name}": there are ${Object.keys(CONTENDERS).join(", ")}`,
    );
  }
  const open = await CONTENDERS[name as ContenderName]();
  return await open(settings);
}
