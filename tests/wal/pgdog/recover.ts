/** Recovery from files in memory, on a file system that allows nothing but reading. */

import { recoverPgdogLog } from "../../../src/wal/pgdog/recover.ts";
import type { PgdogRecovery } from "../../../src/wal/pgdog/replay.ts";
import { ReadOnlyFiles } from "./read_only_files.ts";

/** What the files of a directory, by their names, lead to. */
export function recover(files: ReadonlyMap<string, Uint8Array>): Promise<PgdogRecovery> {
  return recoverPgdogLog(new ReadOnlyFiles(files).fileSystem, "log");
}
