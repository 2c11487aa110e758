/**
 * Stand-in for `@std/fs` where its registry cannot be reached. It guarantees the entries this
 * project uses, with the signatures and the behaviour of the original, over Deno's own functions.
 *
 * @module
 */

export * from "./empty_dir.ts";
export * from "./ensure_dir.ts";
export * from "./exists.ts";
