/**
 * Folders that go away with their block, and also when somebody interrupts the run.
 *
 * @module
 */

const open = new Set<string>();

/** A folder for temporary files. */
export class TemporaryFolder implements AsyncDisposable {
  /** Where it is. */
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Makes one. */
  static async make(): Promise<TemporaryFolder> {
    const folder = new TemporaryFolder(await Deno.makeTempDir({ prefix: "indoubt_bench_" }));
    open.add(folder.path);
    return folder;
  }

  /** Removes it and what is in it. */
  async [Symbol.asyncDispose](): Promise<void> {
    open.delete(this.path);
    await Deno.remove(this.path, { recursive: true });
  }
}

/** Removes all that there are when the process is interrupted, and ends it. */
export function removeWhenInterrupted(): void {
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    Deno.addSignalListener(signal, () => {
      for (const path of open) Deno.removeSync(path, { recursive: true });
      Deno.exit(code);
    });
  }
}
