/**
 * Opens or reads something once, in a process of its own, and says in JSON how long that took and what
 * memory the process then had.
 *
 *     deno run -A bench/load/opening_child.ts records|finished|checkpointed|files|sqlite DIR
 *
 * @module
 */

import { DatabaseSync } from "node:sqlite";
import { Coordinator } from "../../mod.ts";
import { LiveState } from "../../src/wal/decisions/live_state.ts";
import { Log } from "../../src/wal/log.ts";
import { KeepingModel } from "./keeping_model.ts";
import { NoOpParticipant } from "./no_op_participant.ts";
import { type ProcessorUse, processorUse, readProcessor } from "./processor.ts";

/** What an opening came to. */
export interface Opening {
  readonly seconds: number;
  /** What was read, where it was counted. */
  readonly records: number | null;
  /** Resident memory before and after, in bytes. */
  readonly residentBefore: number;
  readonly resident: number;
  /** Who used the processor meanwhile. */
  readonly processor: ProcessorUse;
}

/** As large as is read at once. */
const PIECE = 1_048_576;

/** Opens; gives how many records were read, and closes what was opened. */
type Open = (directory: string) => Promise<{ records: number | null; close(): Promise<unknown> }>;

const OPENINGS: Readonly<Record<string, Open>> = {
  records: async (directory) => {
    const model = new KeepingModel();
    const log = await Log.open({ directory, model });
    return { records: model.count, close: () => log.close() };
  },
  finished: async (directory) => {
    const log = await Log.open({ directory, model: new LiveState() });
    return { records: null, close: () => log.close() };
  },
  checkpointed: async (directory) => {
    const coordinator = await Coordinator.open({
      directory,
      participants: { orders: new NoOpParticipant("1"), billing: new NoOpParticipant("2") },
    });
    return { records: null, close: () => coordinator.close() };
  },
  files: (directory) => {
    const buffer = new Uint8Array(PIECE);
    for (const { name } of Deno.readDirSync(directory)) {
      if (!name.endsWith(".wal")) continue;
      using file = Deno.openSync(`${directory}/${name}`);
      while (file.readSync(buffer) !== null);
    }
    return Promise.resolve({ records: null, close: () => Promise.resolve() });
  },
  sqlite: (directory) => {
    const database = new DatabaseSync(`${directory}/records.sqlite`, { readOnly: true });
    let records = 0;
    for (const row of database.prepare("SELECT body FROM record ORDER BY id").iterate()) {
      if (row !== undefined) records++;
    }
    return Promise.resolve({ records, close: () => Promise.resolve(database.close()) });
  },
};

const [kind = "", directory] = Deno.args;
const open = OPENINGS[kind];
if (open === undefined || directory === undefined) {
  throw new RangeError(
    `Cannot open a log: what (${Object.keys(OPENINGS).join(", ")}) and a directory are needed`,
  );
}
const residentBefore = Deno.memoryUsage().rss;
const before = readProcessor();
const start = performance.now();
const { records, close } = await open(directory);
const seconds = (performance.now() - start) / 1000;
const processor = processorUse(before, readProcessor());
const opening: Opening = {
  seconds,
  records,
  residentBefore,
  resident: Deno.memoryUsage().rss,
  processor,
};
await close();
console.log(JSON.stringify(opening));
