/**
 * What a step leaves behind that it should not: processes that still run, files in the folder for
 * temporary files. Everything that the run starts inherits TMPDIR, which has the run's own folder
 * in it, so that its processes can be told from all others on the machine.
 *
 * @module
 */

import {
  descendants,
  findProcess,
  isRunning,
  listProcesses,
  type Process,
  readProcFile,
  signal,
  waitUntil,
} from "../processes.ts";

/** How long a process may take to notice that the step is over. */
const GRACE_MS = 10_000;

/**
 * Caches that Node and npm keep in the folder for temporary files, by design and for later runs.
 */
const KNOWN_CACHES = /^(?:node-compile-cache|v8-compile-cache-\d+)$/;

/** The processes that belong to the run, except this one and those it was started by. */
export function strays(folder: string): Process[] {
  const processes = listProcesses().filter(({ pid }) => isRunning(pid));
  const marked = processes.filter(({ pid, command }) =>
    command.includes(folder) || readProcFile(pid, "environ")?.includes(folder)
  );
  const own = ownLine();
  const all = new Map(
    [
      ...marked,
      ...marked.filter(({ pid }) => !own.has(pid)).flatMap(({ pid }) =>
        descendants(processes, pid)
      ),
    ].map((process) => [process.pid, process]),
  );
  return [...all.values()].filter(({ pid }) => !own.has(pid));
}

/** This process, its parent, and so on. */
function ownLine(): Set<number> {
  const line = new Set<number>();
  for (let pid = Deno.pid; pid > 0 && !line.has(pid);) {
    line.add(pid);
    pid = findProcess(pid)?.parent ?? 0;
  }
  return line;
}

/** Ends all processes of the run at once, also those that one of them starts meanwhile. */
export async function killStrays(folder: string): Promise<void> {
  await waitUntil(() => {
    const found = strays(folder);
    for (const { pid } of found) signal(pid, "SIGKILL");
    return found.length === 0;
  }, GRACE_MS);
}

/** Waits for the end of the run's processes; names and kills those that stay. */
export async function endStrays(folder: string, grace: number = GRACE_MS): Promise<string[]> {
  if (await waitUntil(() => strays(folder).length === 0, grace)) return [];
  const left = strays(folder);
  await killStrays(folder);
  return left.map(({ pid, command }) => `process ${pid}: ${command}`);
}

/** Names and removes what is in the folder for temporary files and is no known cache. */
export async function removeLeftovers(temporary: string): Promise<string[]> {
  const left = [...Deno.readDirSync(temporary)]
    .map(({ name }) => name)
    .filter((name) => !KNOWN_CACHES.test(name));
  for (const name of left) await Deno.remove(`${temporary}/${name}`, { recursive: true });
  return left.map((name) => `file: ${name}`);
}
