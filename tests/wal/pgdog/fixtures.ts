/**
 * The logs in `tests/fixtures/pgdog-wal`, which pgdog's own code wrote, and what is expected of
 * them.
 */

const ROOT = new URL("../../fixtures/pgdog-wal/", import.meta.url);

/** A record as `expected.json` has it. */
export interface ExpectedRecord {
  readonly lsn: string;
  readonly offset: number;
  readonly length: number;
  readonly tag: number;
  readonly type: string;
  readonly txn?: string;
  readonly user?: string;
  readonly database?: string;
  readonly active?: readonly unknown[];
}

/** A file as `expected.json` has it. */
export interface ExpectedFile {
  readonly file: string;
  readonly size: number;
  readonly ignored?: true;
  readonly startLsn?: string;
  readonly lastGoodOffset?: number;
  readonly records?: readonly ExpectedRecord[];
  readonly end?: Readonly<Record<string, unknown>>;
}

/** The outcome of a start by pgdog's rules. */
export interface ExpectedStart {
  readonly error: null;
  readonly corruption: boolean;
  readonly quarantined: readonly string[];
  readonly restored: readonly {
    readonly txn: string;
    readonly user: string;
    readonly database: string;
    readonly phase: string;
    readonly action: string;
  }[];
  readonly nextLsn: string;
  readonly writableSegmentSize: number;
  readonly checkpointEntries: number;
  readonly filesAfter: Readonly<Record<string, number>>;
}

/** What a careful reader does instead. */
export interface SaferOutcome {
  readonly corruption?: boolean;
  readonly restored?: readonly { readonly txn: string; readonly action: string }[];
  readonly why: string;
}

/** The content of `expected.json`. */
export interface Expected {
  readonly case: string;
  readonly segments: readonly ExpectedFile[];
  readonly recovery: ExpectedStart;
  readonly laterStarts?: readonly ExpectedStart[];
  readonly saferOutcome?: SaferOutcome;
}

/** One directory of the fixtures. */
export interface Fixture {
  readonly name: string;
  /** Its path, as the file system wants it. */
  readonly directory: string;
  readonly files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
  readonly expected: Expected;
}

/** The files of a directory. */
export function readFiles(directory: string | URL): Map<string, Uint8Array<ArrayBuffer>> {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const base = directory instanceof URL ? directory.pathname : `${directory}/`;
  for (const { name, isFile } of Deno.readDirSync(directory)) {
    if (isFile) files.set(name, Deno.readFileSync(base + name));
  }
  return files;
}

function readFixture(name: string): Fixture {
  const directory = new URL(`${name}/`, ROOT);
  const files = readFiles(directory);
  const text = new TextDecoder().decode(files.get("expected.json"));
  files.delete("expected.json");
  const expected = JSON.parse(text, expandRepeats) as Expected;
  return { name, directory: directory.pathname.replace(/\/$/, ""), files, expected };
}

/** A long string stands there as `{repeat, count}`. */
function expandRepeats(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || !("repeat" in value)) return value;
  const { repeat, count } = value as { repeat: string; count: number };
  return repeat.repeat(count);
}

/** All cases, in the order of their names. */
export const FIXTURES: readonly Fixture[] = [...Deno.readDirSync(ROOT)]
  .filter((entry) => entry.isDirectory)
  .map((entry) => readFixture(entry.name))
  .sort((one, other) => one.name < other.name ? -1 : 1);

/** One case by its name. */
export function fixture(name: string): Fixture {
  const found = FIXTURES.find((each) => each.name === name);
  if (found === undefined) throw new Error(`Cannot find the fixture ${name}`);
  return found;
}

/** The bytes of a case's only segment, to be changed at will. */
export function onlySegment(name: string): Uint8Array<ArrayBuffer> {
  const [bytes] = fixture(name).files.values();
  return Uint8Array.from(bytes ?? []);
}
