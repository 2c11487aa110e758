/**
 * What a program under `strace` asked of the kernel, in its order, and the one rule about it that
 * matters most: after a write or sync that failed, the file is never used again, and nothing is
 * acknowledged before another segment has said everything once more and is durable by its name.
 *
 * @module
 */

import { assert } from "@std/assert";

/** A call, or its first or second half if others came in between. */
interface Line {
  readonly thread: string;
  readonly call: string;
  readonly begins: boolean;
  readonly ends: boolean;
  readonly text: string;
}

/** A call that was made. */
interface SystemCall {
  readonly name: string;
  /** The arguments as `strace` prints them, those that are descriptors with their paths. */
  readonly args: string;
  failed: boolean;
  injected: boolean;
}

const LINE = /^(\d+)\s+(?:<\.\.\. )?(\w+)(\(| resumed>)(.*)$/;
const UNFINISHED = "<unfinished ...>";

function parseLine(text: string): Line | null {
  const [, thread, call, opening, rest] = LINE.exec(text) ?? [];
  if (thread === undefined || call === undefined || rest === undefined) return null;
  const begins = opening === "(";
  return { thread, call, begins, ends: !rest.endsWith(UNFINISHED), text: rest };
}

/** Is told of every beginning and every end of a call, in the order in which they came. */
interface Listener {
  begin(call: SystemCall): void;
  end(call: SystemCall): void;
}

function replay(trace: string, listener: Listener): void {
  const open = new Map<string, SystemCall>();
  for (const text of trace.split("\n")) {
    const line = parseLine(text);
    if (line === null) continue;
    const { thread, begins, ends } = line;
    const begun = open.get(thread);
    const call = begins || begun === undefined
      ? { name: line.call, args: line.text, failed: false, injected: false }
      : begun;
    open.set(thread, call);
    if (begins) listener.begin(call);
    if (!ends) continue;
    call.failed = / = (?:-1 E|\?)/.test(line.text) ||
      (call.name === "write" && / = 0 /.test(line.text));
    call.injected = line.text.includes("(INJECTED)");
    listener.end(call);
    open.delete(thread);
  }
}

/** The path behind the first descriptor of a call. */
function pathOf({ args }: SystemCall): string {
  return /^\d+<([^>]*)>/.exec(args)?.[1] ?? "";
}

/** The last path that is given as text. */
function namedPath({ args }: SystemCall): string {
  return [...args.matchAll(/"([^"]*)"/g)].at(-1)?.[1] ?? "";
}

/** Whether a call passes on to the report that a record is on disk. */
function isAcknowledgement({ name, args }: SystemCall): boolean {
  return name === "pwrite64" && /"answer \d+ durable/.test(args);
}

/** Follows the calls and throws when the rule is broken. */
class RuleKeeper implements Listener {
  readonly #directory: string;
  /** Files in which a write or sync has failed. */
  readonly #lost = new Set<string>();
  /** How often each file was written to since its last header. */
  readonly #writes = new Map<string, number>();
  /** Segments that were made ready while another is in use, and whether their names are durable. */
  readonly #ready = new Map<string, boolean>();
  /** What the acknowledgements wait for: a segment's name, the sync of it, nothing. */
  #waiting: "name" | "sync" | "nothing" = "nothing";
  /** Syncs of the directory, with the ready segments that were there when they began; and who waits for which. */
  readonly #syncs = new Map<SystemCall, readonly string[]>();
  readonly #awaited = new Set<SystemCall>();
  injections = 0;
  acknowledgements = 0;

  constructor(directory: string) {
    this.#directory = directory;
  }

  begin(call: SystemCall): void {
    const path = pathOf(call);
    if (call.name === "write" || call.name === "fdatasync") {
      assert(!this.#lost.has(path), `${call.name} to ${path}, in which a call has failed before`);
      const text = `${path} is gone over to, whose name is not durable`;
      assert(call.name !== "write" || this.#ready.get(path) !== false, text);
    } else if (call.name === "fsync" && path === this.#directory) {
      this.#syncs.set(call, [...this.#ready.keys()]);
      if (this.#waiting === "sync") this.#awaited.add(call);
    } else if (isAcknowledgement(call)) {
      const text = `acknowledged although the log waits for a ${this.#waiting}: ${call.args}`;
      assert(this.#waiting === "nothing", text);
    }
  }

  end(call: SystemCall): void {
    if (call.injected) this.injections++;
    switch (call.name) {
      case "write":
      case "fdatasync":
        return this.#endWrite(call);
      case "openat":
        if (!call.failed && call.args.includes("O_CREAT")) this.#lost.delete(namedPath(call));
        return;
      case "pwrite64":
        if (!call.failed && isAcknowledgement(call)) this.acknowledgements++;
        return;
      case "rename":
        return this.#endRename(call);
      case "fsync":
        return this.#endSync(call);
    }
  }

  #endRename(call: SystemCall): void {
    const to = namedPath(call);
    if (!to.endsWith(".wal")) return;
    const [from = ""] = /"([^"]*)"/.exec(call.args)?.slice(1) ?? [];
    // What is made ready has one record, written with the header; what is begun at once has more.
    if (this.#writes.get(from) === 1) {
      this.#ready.set(to, false);
      return;
    }
    // A segment's name that may be there, and may not be, is as bad as a failed write.
    this.#waiting = call.failed ? "name" : "sync";
    this.#awaited.clear();
  }

  #endSync(call: SystemCall): void {
    const names = this.#syncs.get(call) ?? [];
    this.#syncs.delete(call);
    const isAwaited = this.#awaited.delete(call);
    if (call.failed) return;
    for (const name of names) this.#ready.set(name, true);
    if (isAwaited && this.#waiting === "sync") {
      this.#waiting = "nothing";
      this.#awaited.clear();
    }
  }

  #endWrite(call: SystemCall): void {
    const path = pathOf(call);
    if (!path.startsWith(this.#directory)) return;
    if (call.failed) {
      this.#lost.add(path);
      if (path.endsWith(".wal")) this.#waiting = "name";
    } else if (call.name === "write") {
      const isHeader = call.args.includes(', "IDBT');
      this.#writes.set(path, isHeader ? 1 : (this.#writes.get(path) ?? 0) + 1);
    } else if (this.#ready.get(path) === true) {
      // Whatever failed before, the log has gone over to it.
      this.#ready.delete(path);
      this.#waiting = "nothing";
    }
  }
}

/**
 * Checks the rule.
 *
 * @param trace What `strace -f -y` wrote.
 * @param directory The log directory.
 * @returns How many calls were made to fail, and how many records were acknowledged.
 */
export function checkTrace(
  trace: string,
  directory: string,
): { readonly injections: number; readonly acknowledgements: number } {
  const keeper = new RuleKeeper(directory);
  replay(trace, keeper);
  return keeper;
}
