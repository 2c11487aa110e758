/**
 * Stand-in for `@std/fs/empty-dir`. It guarantees that an empty directory is at the path afterwards:
 * what it held is removed, the directory itself is kept, and a missing one is made.
 *
 * @module
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * Removes everything in the directory, or makes it.
 *
 * @param dir Path of the directory
 * @returns A promise that resolves once the directory is empty
 */
export async function emptyDir(dir: string | URL): Promise<void> {
  try {
    const entries = await Array.fromAsync(Deno.readDir(dir));
    await Promise.all(
      entries.map(({ name }) => Deno.remove(pathWithin(dir, name), { recursive: true })),
    );
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    await Deno.mkdir(dir, { recursive: true });
  }
}

/**
 * Removes everything in the directory, or makes it, synchronously.
 *
 * @param dir Path of the directory
 */
export function emptyDirSync(dir: string | URL): void {
  try {
    for (const { name } of [...Deno.readDirSync(dir)]) {
      Deno.removeSync(pathWithin(dir, name), { recursive: true });
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    Deno.mkdirSync(dir, { recursive: true });
  }
}

function pathWithin(dir: string | URL, name: string): string {
  return join(dir instanceof URL ? fileURLToPath(dir) : dir, name);
}
