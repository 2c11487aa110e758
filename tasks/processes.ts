/**
 * What runs on this Linux machine, read from `/proc` only: no `ps` needed, and only files that
 * every user may read, since root in a container often may not look into another user's process.
 *
 * @module
 */

/** One process as it was when the list was made. */
export interface Process {
  readonly pid: number;
  readonly parent: number;
  /** The kernel's letter: `Z` is a process that is dead and waits for its parent to notice. */
  readonly state: string;
  /** The command line with spaces between the arguments; empty for a dead process. */
  readonly command: string;
}

/**
 * The file's text, or `undefined` where it cannot be read, mostly since the process has just ended.
 */
export function readProcFile(pid: number, file: string): string | undefined {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/${file}`).replaceAll("\0", " ").trim();
  } catch {
    return undefined;
  }
}

/** The process with this number, or `undefined` if there is none (any more). */
export function findProcess(pid: number): Process | undefined {
  const stat = readProcFile(pid, "stat");
  // The second field is the name in brackets, which may itself hold spaces and brackets.
  const [state, parent] = stat?.slice(stat.lastIndexOf(")") + 2).split(" ") ?? [];
  if (state === undefined || parent === undefined) return undefined;
  return { pid, parent: Number(parent), state, command: readProcFile(pid, "cmdline") ?? "" };
}

/** Every process that can be seen. */
export function listProcesses(): Process[] {
  const found: Process[] = [];
  for (const entry of Deno.readDirSync("/proc")) {
    const process = /^\d+$/.test(entry.name) ? findProcess(Number(entry.name)) : undefined;
    if (process !== undefined) found.push(process);
  }
  return found;
}

/** Children, grandchildren and so on of a process, in the given list. */
export function descendants(processes: readonly Process[], pid: number): Process[] {
  return processes
    .filter((process) => process.parent === pid)
    .flatMap((child) => [child, ...descendants(processes, child.pid)]);
}

/** Whether the process still does something: a dead one that nobody has collected yet does not. */
export function isRunning(pid: number): boolean {
  const process = findProcess(pid);
  return process !== undefined && process.state !== "Z" && process.state !== "X";
}

/** Sends a signal, and does not mind if the process is gone by then. */
export function signal(pid: number, name: Deno.Signal): void {
  try {
    Deno.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound) && isRunning(pid)) throw error;
  }
}

/** Asks again and again until the answer is yes; `false` if the time was over before that. */
export async function waitUntil(answer: () => boolean, milliseconds: number): Promise<boolean> {
  const deadline = performance.now() + milliseconds;
  while (!answer()) {
    if (performance.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return true;
}
