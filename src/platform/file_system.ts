/**
 * The file system as the log sees it: the only way to the disk for everything in `src/wal/`.
 *
 * Guarantees asked of an implementation: {@linkcode FileHandle.syncData} has ended only when every byte
 * written through the handle is on stable storage; {@linkcode FileSystem.syncDirectory} does the same
 * for names created, renamed and removed. Nothing else is durable. A failed call may have had any
 * part of its effect. The simulated disk of the tests implements the same interface.
 *
 * @module
 */

/** How a file is opened. Exactly one of these; there is no other way to open a file. */
export type OpenMode =
  /** An existing file, for reading only. */
  | "read"
  /** A file that must not exist yet, for writing and reading. */
  | "create-new"
  /** A file that is created if absent and kept if present, for locking and stamping. */
  | "lock";

/** An open file. Writing goes on where the last write ended; reading names its position. */
export interface FileHandle {
  /** Reads up to `buffer.length` bytes at `position`; answers how many, 0 at the end of the file. */
  read(buffer: Uint8Array, position: number): Promise<number>;
  /** Writes at the current end of what this handle wrote; answers how many bytes, perhaps fewer. */
  write(bytes: Uint8Array): number;
  /**
   * Makes every written byte durable (fdatasync). After a failure the file must not be trusted.
   *
   * @param aside Whether the process has other work meanwhile, and is not to be kept from it.
   * @returns A promise of it; nothing if it is done when the call returns, or throws.
   */
  syncData(aside?: boolean): Promise<void> | undefined;
  /**
   * Writes as {@linkcode write} does, then makes it durable, without keeping the process from its other work:
   * for what nobody waits for. Nothing else may be done with the file meanwhile.
   */
  writeAside(bytes: Uint8Array): Promise<number>;
  /** Length of the file in bytes. */
  size(): Promise<number>;
  /** Sets the length to zero; the next write begins at the start. */
  clear(): void;
  /** Lets the next write begin at the start, over what is there. */
  rewind(): void;
  /** Takes the exclusive advisory lock without waiting; false if another handle holds it, or shares it. */
  tryLock(): Promise<boolean>;
  /** Takes a shared advisory lock without waiting, as any number of handles may; false if one has it alone. */
  tryShare(): Promise<boolean>;
  /** Closes the file and releases its lock. */
  close(): void;
}

/** Files and directories. Paths are plain strings as the platform writes them. */
export interface FileSystem {
  /** Creates a directory and its parents; no error if it exists. */
  ensureDirectory(path: string): Promise<void>;
  /**
   * Makes a directory's own name durable, and those of the directories above it (fsync of each parent up
   * to the root, or as far as the process may read).
   */
  syncAncestors(path: string): Promise<void>;
  /** Names of the regular files in a directory, in no particular order. */
  list(path: string): Promise<string[]>;
  /** Opens a file; see {@linkcode OpenMode}. */
  open(path: string, mode: OpenMode): Promise<FileHandle>;
  /** Renames a file, replacing what has the new name. Durable after `syncDirectory`. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file. Durable after `syncDirectory`. */
  remove(path: string): Promise<void>;
  /**
   * Makes the names in a directory durable (fsync of the directory).
   *
   * @param isAwaited Whether somebody waits, so that it may keep the process from its other work if it is short.
   */
  syncDirectory(path: string, isAwaited?: boolean): Promise<void>;
  /**
   * What tells a file from every copy of it: the same for as long as it is there, under whatever name in
   * its file system and over restarts of the machine, and another for a file made later or elsewhere. `null`
   * where the platform has nothing of the kind.
   */
  identify(path: string): Promise<string | null>;
}
