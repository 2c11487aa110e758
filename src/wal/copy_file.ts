/**
 * Copies a file of a log so that a crash leaves no copy or a whole one.
 *
 * @module
 */

import type { FileSystem } from "../platform/file_system.ts";
import { writeWhole } from "../platform/whole_file.ts";
import { UNFINISHED_SUFFIX } from "./segment_name.ts";

const COPIED_AT_A_TIME = 65_536;

/**
 * Copies the beginning of a file, synced, to a name of its own or over its own. The name is durable when
 * the caller has synced the directory.
 *
 * @param fileSystem Where it is.
 * @param from Its path.
 * @param to The copy's path; nothing has it with {@linkcode UNFINISHED_SUFFIX}.
 * @param length How many bytes; all if there are fewer.
 */
export async function copyFile(
  fileSystem: FileSystem,
  from: string,
  to: string,
  length: number,
): Promise<void> {
  const original = await fileSystem.open(from, "read");
  try {
    const copy = await fileSystem.open(to + UNFINISHED_SUFFIX, "create-new");
    try {
      const piece = new Uint8Array(COPIED_AT_A_TIME);
      for (let offset = 0; offset < length;) {
        const wanted = piece.subarray(0, Math.min(piece.length, length - offset));
        const count = await original.read(wanted, offset);
        if (count === 0) break;
        writeWhole(copy, wanted.subarray(0, count));
        offset += count;
      }
      await copy.syncData();
    } finally {
      copy.close();
    }
  } finally {
    original.close();
  }
  await fileSystem.rename(to + UNFINISHED_SUFFIX, to);
}
