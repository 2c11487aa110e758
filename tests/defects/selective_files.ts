/**
 * The files of a simulated disk as somebody with fewer rights sees them: some calls are refused, by
 * the name of the file; every opening is noted with its mode.
 */

import type { FileHandle, FileSystem, OpenMode } from "../../src/platform/file_system.ts";

/** One call that may be refused. */
export interface NamedCall {
  readonly kind: "open" | "rename" | "remove" | "list";
  /** The path; for a rename the old one. */
  readonly path: string;
  /** How a file is opened; absent for the other calls. */
  readonly mode?: OpenMode;
}

/** A file system that refuses what it is told to refuse, with the error that Deno would throw. */
export class SelectiveFiles implements FileSystem {
  readonly #files: FileSystem;
  /** Whether a call is refused. */
  refuses: (call: NamedCall) => boolean = () => false;
  /** Every file opened so far and how. */
  readonly opened: { readonly path: string; readonly mode: OpenMode }[] = [];

  /** Stands before those files. */
  constructor(files: FileSystem) {
    this.#files = files;
  }

  ensureDirectory(path: string): Promise<void> {
    return this.#files.ensureDirectory(path);
  }

  syncAncestors(path: string): Promise<void> {
    return this.#files.syncAncestors(path);
  }

  async list(path: string): Promise<string[]> {
    this.#check({ kind: "list", path });
    return await this.#files.list(path);
  }

  async open(path: string, mode: OpenMode): Promise<FileHandle> {
    this.#check({ kind: "open", path, mode });
    this.opened.push({ path, mode });
    return await this.#files.open(path, mode);
  }

  async rename(from: string, to: string): Promise<void> {
    this.#check({ kind: "rename", path: from });
    await this.#files.rename(from, to);
  }

  async remove(path: string): Promise<void> {
    this.#check({ kind: "remove", path });
    await this.#files.remove(path);
  }

  syncDirectory(path: string): Promise<void> {
    return this.#files.syncDirectory(path);
  }

  identify(path: string): Promise<string | null> {
    return this.#files.identify(path);
  }

  #check(call: NamedCall): void {
    if (this.refuses(call)) throw new Deno.errors.PermissionDenied(`${call.kind} of ${call.path}`);
  }
}
