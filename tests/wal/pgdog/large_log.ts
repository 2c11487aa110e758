/**
 * Recovers a log of very many finished transactions in one segment and says what is left of them.
 * Run by `memory_test.ts` in a process that has no room for the records, only for the file.
 */

import { recoverPgdogLog } from "../../../src/wal/pgdog/recover.ts";
import { begin, committing, end, log, segment } from "./frames.ts";
import { ReadOnlyFiles } from "./read_only_files.ts";

const FINISHED = 400_000;

const finished = segment(begin(1000), committing(1000), end(1000)).subarray(16);
const bytes = new Uint8Array(16 + finished.length * FINISHED + begin(1).length);
bytes.set(segment());
for (let index = 0; index < FINISHED; index++) bytes.set(finished, 16 + index * finished.length);
bytes.set(begin(1), 16 + finished.length * FINISHED);

const { fileSystem } = new ReadOnlyFiles(log({ 0: bytes }), { pieceLength: 2 ** 20 });
const { restored, damage, nextLsn } = await recoverPgdogLog(fileSystem, "log");
console.log(restored.map(({ txn, action }) => `${txn} ${action}`).join(), damage.length, nextLsn);
