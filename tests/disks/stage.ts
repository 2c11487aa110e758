/**
 * A place where tests may mount file systems, fill them and cut their power: a mount and process
 * namespace of its own with a file system in memory at {@linkcode ROOM}. Nothing in it is seen by
 * the rest of the machine, and everything in it, processes, mounts, loop devices and files, ends
 * with its first process. That one ends when the pipe from its owner is closed, so also when the
 * owner is killed: there is no cleaning up that could be forgotten.
 *
 * @module
 */

import { descendants, listProcesses, signal } from "../../tasks/processes.ts";

/**
 * Where the room is, as the programs in the stage see it. Every Debian has the directory, and
 * neither Deno nor this project is likely to be in it.
 */
export const ROOM = "/media";

/** Where Debian keeps programs, of which a user's PATH may lack some. */
export const PROGRAM_PLACES: readonly string[] = [
  ...["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"],
];

const STARTING_MS = 10_000;

/** A program that runs in a stage. */
export interface StagedProcess {
  /** Asks it to end, as Control-C does. */
  interrupt(): void;
  /** Ends with the program: its exit code and what it said. */
  readonly output: Promise<{ readonly code: number; readonly text: string }>;
}

/** A private piece of the machine. */
export class Stage implements AsyncDisposable {
  readonly #owner: Deno.ChildProcess;
  readonly #first: number;

  private constructor(owner: Deno.ChildProcess, first: number) {
    this.#owner = owner;
    this.#first = first;
  }

  /**
   * Makes a stage.
   *
   * @param size Size of the room as `mount` takes it; only what is used takes memory.
   */
  static async open(size = "1g"): Promise<Stage> {
    const namespaces = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
    const script =
      `mount -t tmpfs -o size=${size} room ${ROOM} && echo ready && exec cat >/dev/null`;
    const owner = new Deno.Command("unshare", {
      args: [...namespaces, "--propagation", "private", "sh", "-c", script],
      cwd: "/",
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const reader = owner.stdout.getReader();
    const { value } = await reader.read();
    await reader.cancel();
    const first = listProcesses().find(({ parent }) => parent === owner.pid)?.pid;
    if (value === undefined || first === undefined) {
      await owner.stdin.close().catch(() => {});
      await owner.status;
      throw new Error("Cannot open a stage: this needs the right to mount file systems");
    }
    return new Stage(owner, first);
  }

  /** How a path in the room is called outside of the stage, where the test is. */
  outside(path: string): string {
    return `/proc/${this.#first}/root${path}`;
  }

  /** Runs a program to its end; throws with what it said unless it ends well. */
  async run(program: string, ...args: string[]): Promise<string> {
    const { code, text } = await this.spawn(program, ...args).output;
    if (code === 0) return text;
    throw new Error(`Cannot run ${program} ${args.join(" ")}: it ended with ${code}: ${text}`);
  }

  /** Starts a program. */
  spawn(program: string, ...args: string[]): StagedProcess {
    const child = new Deno.Command("nsenter", {
      args: ["--target", String(this.#first), "--mount", "--pid", "--", program, ...args],
      cwd: "/",
      env: { PATH: [Deno.env.get("PATH") ?? "", ...PROGRAM_PLACES].join(":") },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const output = child.output().then(({ code, stdout, stderr }) => {
      const decoder = new TextDecoder();
      return { code, text: `${decoder.decode(stdout)}${decoder.decode(stderr)}`.trim() };
    });
    const interrupt = () => {
      for (const { pid } of descendants(listProcesses(), child.pid)) signal(pid, "SIGINT");
    };
    return { interrupt, output };
  }

  /** Ends everything in the stage, and returns when it is gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owner.stdin.close().catch(() => {});
    await this.#owner.status;
  }
}

/** Asks again and again, in quick succession, until the answer is yes; throws when time is up. */
export async function until(
  what: string,
  answer: () => boolean | Promise<boolean>,
  milliseconds: number = STARTING_MS,
): Promise<void> {
  const deadline = performance.now() + milliseconds;
  while (!await answer()) {
    if (performance.now() > deadline) {
      throw new Error(`Cannot wait any longer than ${milliseconds} ms for this: ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
