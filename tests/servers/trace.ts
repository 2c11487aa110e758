/**
 * Reads what strace has seen of a process with all its threads. A call that was interrupted by a
 * line of another thread is put together again; it has begun where its first line stands and is
 * over where its last one does.
 *
 * @module
 */

/** One system call. */
export interface Call {
  /** Its name. */
  readonly name: string;
  /** Its arguments and its result, as strace writes them. */
  readonly text: string;
  /** Line at which it began. */
  readonly begun: number;
  /** Line at which it was over. */
  readonly over: number;
}

/** Calls that make something durable. */
export const SYNCS = ["fdatasync", "fsync", "sync", "syncfs", "sync_file_range", "msync"];
/** Calls that send something. */
export const SENDS = ["sendto", "sendmsg", "write", "writev"];
/** Calls that receive something. */
export const RECEIVES = ["recvfrom", "recvmsg", "read", "readv"];

/** How strace is started: every thread, names of files, enough data to recognize a statement. */
export function straceLine(output: string): string[] {
  const calls = [...SYNCS, ...SENDS, ...RECEIVES].join(",");
  return ["strace", "-f", "-y", "-s", "4000", "-o", output, "-e", `trace=${calls}`];
}

/** Fails with what to do where there is no strace, or where it may not trace. */
export async function requireStrace(): Promise<void> {
  let problem: string;
  try {
    const command = new Deno.Command("strace", { args: ["-f", "-o", "/dev/null", "true"] });
    const { success, stderr } = await command.output();
    if (success) return;
    problem = new TextDecoder().decode(stderr).trim();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    problem = "there is no strace, install it with 'apt-get install strace'";
  }
  throw new Error(`Cannot see the coordinator's system calls: ${problem}`);
}

/** Reads a trace; signals and exits are left out. */
export function readTrace(trace: string): Call[] {
  const calls: Call[] = [];
  const unfinished = new Map<string, { name: string; text: string; begun: number }>();
  for (const [index, line] of trace.split("\n").entries()) {
    const [, pid = "", rest = ""] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    const resumed = /^<\.\.\. (\w+) resumed>(.*)$/.exec(rest);
    if (resumed !== null) {
      const first = unfinished.get(pid);
      if (first === undefined || first.name !== resumed[1]) {
        throw new Error(`Cannot read the trace at: ${line}`);
      }
      unfinished.delete(pid);
      calls.push({ ...first, text: first.text + resumed[2], over: index });
      continue;
    }
    const [, name, text = ""] = /^(\w+)\((.*)$/.exec(rest) ?? [];
    if (name === undefined) continue;
    const [begun] = text.split(" <unfinished ...>");
    if (begun !== text) unfinished.set(pid, { name, text: begun!, begun: index });
    else calls.push({ name, text, begun: index, over: index });
  }
  return calls.toSorted((one, other) => one.begun - other.begun);
}
