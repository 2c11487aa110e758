/**
 * What a run was made on.
 *
 * @module
 */

/** What can be said of a machine and the disk under a directory. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGibibytes: number;
  readonly kernel: string;
  /** File system, its device and mount options. */
  readonly disk: string;
  readonly runtime: string;
}

const GIBIBYTE = 2 ** 30;

/** Looks at this machine. */
export async function describeMachine(directory: string): Promise<Machine> {
  const [processors, mounts] = await Promise.all(
    ["/proc/cpuinfo", "/proc/self/mounts"].map((path) => Deno.readTextFile(path).catch(() => "")),
  );
  const real = await Deno.realPath(directory);
  return {
    processor: /^model name\s*:\s*(.+)$/m.exec(processors ?? "")?.[1] ?? Deno.build.arch,
    cores: navigator.hardwareConcurrency,
    memoryGibibytes: Deno.systemMemoryInfo().total / GIBIBYTE,
    kernel: `${Deno.build.os} ${Deno.osRelease()}`,
    disk: mountOf(mounts ?? "", real) ?? "unknown",
    runtime: runtimeWords(Deno.version, Deno.env.get("DENO_V8_FLAGS")),
  };
}

/**
 * What the contenders run in: V8's options are theirs, too, since each inherits the environment.
 *
 * @param versions Of Deno and V8.
 * @param flags V8's options; `undefined` if none were given.
 * @returns The words.
 */
export function runtimeWords(
  { deno, v8 }: { readonly deno: string; readonly v8: string },
  flags: string | undefined,
): string {
  return `Deno ${deno}, V8 ${v8}` + (flags === undefined ? "" : ` with ${flags}`);
}

/**
 * The mount that holds a path.
 *
 * @param mounts The text of `/proc/self/mounts`.
 * @param path An absolute path.
 * @returns Type, device and options; `null` if none holds it.
 */
export function mountOf(mounts: string, path: string): string | null {
  const holding = mounts.split("\n")
    .map((line) => line.split(" "))
    .filter(([, place = ""]) =>
      place !== "" && (place === "/" || path === place || path.startsWith(`${place}/`))
    )
    // A later mount on the same place covers the earlier one.
    .reduce<string[] | null>(
      (best, mount) => best === null || mount[1]!.length >= best[1]!.length ? mount : best,
      null,
    );
  if (holding === null) return null;
  const [device, , type, options] = holding;
  return `${type} on ${device} (${options})`;
}

/** The same for people, a line each. */
export function machineWords(machine: Machine): string {
  const { processor, cores, memoryGibibytes, kernel, disk, runtime } = machine;
  return [
    `processor  ${processor}, ${cores} cores, ${memoryGibibytes.toFixed(0)} GiB`,
    `kernel     ${kernel}`,
    `disk       ${disk}`,
    `runtime    ${runtime}`,
  ].join("\n");
}
