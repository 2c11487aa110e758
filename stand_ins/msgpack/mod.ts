/**
 * Stand-in for `@std/msgpack` where its registry cannot be reached. It guarantees the bytes, values
 * and errors recorded from version 1.0.3, and leaves the encoding itself to `@msgpack/msgpack`.
 *
 * @module
 */

export * from "./decode.ts";
export * from "./encode.ts";
