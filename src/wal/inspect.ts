/**
 * Says what is in a log directory, without its lock and without changing anything, also while a program
 * writes to it: neither waits for the other. What is shown is what was there at the beginning: a segment that
 * is begun later is not, an older one that is taken away meanwhile is passed over, and one that grows is
 * shown as it was at one moment.
 *
 * Guarantees: segments come in the order of their records; one segment is in memory at a time; files are
 * only listed, opened for reading and read.
 *
 * @module
 */

import type { FileSystem } from "../platform/file_system.ts";
import type { Platform } from "../platform/platform.ts";
import { IDENTITY_NAME } from "./identity.ts";
import { isNotFound, readBeginning, SettledFiles, unlessGone } from "./inspect_files.ts";
import type { InspectedItem, LogFormat } from "./inspect_item.ts";
import { inspectPgdogSegment, parsePgdogName } from "./inspect_pgdog.ts";
import { inspectSegment } from "./inspect_segment.ts";
import { readPgdogFile } from "./pgdog/recover.ts";
import { parseSegmentName, pathOf } from "./segment_name.ts";
import { LoadedSegment } from "./segment_scan.ts";

export type {
  ApplicationRecord,
  IgnoredFile,
  InspectedDamage,
  InspectedEnd,
  InspectedItem,
  InspectedRecord,
  InspectedSegment,
  LogFormat,
  OwnSegmentEnd,
  RecordType,
} from "./inspect_item.ts";
export { describeDamage } from "./describe_damage.ts";

const MAGIC_LENGTH = 4;
const MAGICS: Readonly<Record<string, LogFormat>> = { IDBT: "indoubt", PG2W: "pgdog" };

/** A file in the directory, and the number of its first record if it is a segment. */
interface ListedFile {
  readonly name: string;
  readonly firstLsn: number | null;
}

/**
 * Says what is in a log directory.
 *
 * @param platform The machine.
 * @param directory The log directory.
 * @returns Its segments with their records, damages and ends, and the files that are no segments.
 * @throws {RangeError} If a file is too large or the number in its name is.
 * @throws {Error} If each newest segment is gone before it can be opened.
 * @throws Whatever the file system throws: what cannot be read is never taken for absent.
 */
export async function* inspectLog(
  platform: Platform,
  directory: string,
): AsyncGenerator<InspectedItem> {
  using files = new SettledFiles(platform.fileSystem);
  const names = await files.list(directory);
  const format = await formatOf(files, directory, names);
  for (const { name, firstLsn } of inOrder(names, format)) {
    if (firstLsn === null) {
      yield { kind: "ignored", file: name };
      continue;
    }
    try {
      yield* inspectFile(files, directory, name, firstLsn, format);
    } catch (error) {
      // A later one restates it.
      if (!isNotFound(error)) throw error;
    }
  }
}

/** What is in one segment; fails as its opening does if it is gone. */
async function* inspectFile(
  files: SettledFiles,
  directory: string,
  file: string,
  firstLsn: number,
  otherwise: LogFormat,
): AsyncGenerator<InspectedItem> {
  const path = pathOf(directory, file);
  const format = await formatOfFile(files, path) ?? otherwise;
  if (format === "pgdog") {
    const bytes = await readPgdogFile(files, path);
    yield { kind: "segment", file, format, length: bytes.length };
    yield* inspectPgdogSegment(file, firstLsn, bytes);
  } else {
    using segment = await LoadedSegment.load(files, directory, file);
    yield { kind: "segment", file, format, length: segment.length };
    yield* inspectSegment(file, firstLsn, segment);
  }
}

/**
 * Whose log a directory holds. One that has neither a segment with a magic nor an identity may be
 * anybody's; it is read as pgdog's, of which less is asked.
 *
 * @param fileSystem Where it is.
 * @param directory The log directory.
 * @param names The names in it.
 * @returns `indoubt` if anything in it is ours.
 */
export async function formatOf(
  fileSystem: FileSystem,
  directory: string,
  names: readonly string[],
): Promise<LogFormat> {
  if (names.includes(IDENTITY_NAME)) return "indoubt";
  for (const name of names) {
    if (parseSegmentName(name) === null) continue;
    if (await formatOfFile(fileSystem, pathOf(directory, name)) === "indoubt") return "indoubt";
  }
  return "pgdog";
}

/**
 * Who wrote a segment, by its magic.
 *
 * @param fileSystem Where it is.
 * @param path Its path.
 * @returns The format; `null` if the magic is none of the known ones, or if the file is gone.
 */
export async function formatOfFile(
  fileSystem: FileSystem,
  path: string,
): Promise<LogFormat | null> {
  const bytes = await unlessGone(readBeginning(fileSystem, path, MAGIC_LENGTH));
  return bytes === null ? null : MAGICS[magicOf(bytes)] ?? null;
}

/** The segments by their numbers, and the other files by their names where they fit in between. */
function inOrder(names: readonly string[], format: LogFormat): ListedFile[] {
  const parse = format === "pgdog" ? parsePgdogName : parseSegmentName;
  const files = names.map((name) => ({ name, firstLsn: parse(name) }));
  const segments = files.filter(({ firstLsn }) => firstLsn !== null);
  segments.sort((one, other) => (one.firstLsn ?? 0) - (other.firstLsn ?? 0));
  const others = files.filter(({ firstLsn }) => firstLsn === null);
  others.sort((one, other) => one.name < other.name ? -1 : 1);
  const merged: ListedFile[] = [];
  for (const segment of segments) {
    while (others[0] !== undefined && others[0].name < segment.name) {
      merged.push(...others.splice(0, 1));
    }
    merged.push(segment);
  }
  return [...merged, ...others];
}

function magicOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(0, MAGIC_LENGTH));
}
