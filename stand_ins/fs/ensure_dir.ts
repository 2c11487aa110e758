/**
 * Stand-in for `@std/fs/ensure-dir`. It guarantees that a directory, or a link to one, is at the
 * path afterwards, even when another process makes it at the same moment; anything else that is
 * there already is an error and stays as it is.
 *
 * @module
 */

/**
 * Makes the directory and its parents unless it is there.
 *
 * @param dir Path of the directory
 * @returns A promise that resolves once the directory exists
 */
export async function ensureDir(dir: string | URL): Promise<void> {
  try {
    return requireDirectory(await Deno.stat(dir));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  try {
    await Deno.mkdir(dir, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    requireDirectory(await Deno.stat(dir));
  }
}

/**
 * Makes the directory and its parents unless it is there, synchronously.
 *
 * @param dir Path of the directory
 */
export function ensureDirSync(dir: string | URL): void {
  try {
    return requireDirectory(Deno.statSync(dir));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  try {
    Deno.mkdirSync(dir, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    requireDirectory(Deno.statSync(dir));
  }
}

function requireDirectory(info: Deno.FileInfo): void {
  if (info.isDirectory) return;
  const found = info.isFile ? "file" : undefined;
  throw new Error(`Failed to ensure directory exists: expected 'dir', got '${found}'`);
}
