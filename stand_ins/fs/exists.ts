/**
 * Stand-in for `@std/fs/exists`. It guarantees an answer about what is at the path, links followed:
 * whether anything is, or whether it is of the kind asked for and readable by this user.
 *
 * @module
 */

/** What else must hold, besides that something is at the path. */
export interface ExistsOptions {
  /** The user of this process may read it */
  isReadable?: boolean;
  /** It is a directory; not together with `isFile` */
  isDirectory?: boolean;
  /** It is a file; not together with `isDirectory` */
  isFile?: boolean;
}

/**
 * Tells whether something is at the path.
 *
 * @param path Path to look at
 * @param options What else must hold
 * @returns A promise of the answer
 */
export async function exists(path: string | URL, options?: ExistsOptions): Promise<boolean> {
  try {
    return satisfies(await Deno.stat(path), options);
  } catch (error) {
    return answerFor(error, options);
  }
}

/**
 * Tells whether something is at the path, synchronously.
 *
 * @param path Path to look at
 * @param options What else must hold
 * @returns The answer
 */
export function existsSync(path: string | URL, options?: ExistsOptions): boolean {
  try {
    return satisfies(Deno.statSync(path), options);
  } catch (error) {
    return answerFor(error, options);
  }
}

function satisfies(info: Deno.FileInfo, options: ExistsOptions = {}): boolean {
  if (options.isDirectory && options.isFile) {
    throw new TypeError(
      "ExistsOptions.options.isDirectory and ExistsOptions.options.isFile must not be true together",
    );
  }
  if (options.isDirectory && !info.isDirectory) return false;
  if (options.isFile && !info.isFile) return false;
  if (!options.isReadable || info.mode === null) return true;
  const needed = Deno.uid() === info.uid ? 0o400 : Deno.gid() === info.gid ? 0o040 : 0o004;
  return (info.mode & needed) === needed;
}

/** The file system itself may refuse a look at something that is there. */
function answerFor(error: unknown, options: ExistsOptions = {}): boolean {
  if (error instanceof Deno.errors.NotFound) return false;
  if (error instanceof Deno.errors.PermissionDenied) return !options.isReadable;
  throw error;
}
