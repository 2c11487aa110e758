/**
 * The records of every commit, without the general encoder: a decision (or a Begin, or a Doubt, of the
 * same shape) and an End. What is written here is byte for byte what `@std/msgpack` writes. Whatever is not
 * plain (text beyond ASCII, long lists) is left to the general way.
 *
 * @module
 */

import type { BranchRecord } from "./record.ts";

/** `txn: uint64`, the first key of a map. */
export const TXN_KEY = [0xa3, 0x74, 0x78, 0x6e, 0xcf] as const;
const MAP_OF_ONE = 0x81;
/** The beginning of a map of two keys. */
export const MAP_OF_TWO = 0x82;
/** `branches:`. */
export const BRANCHES_KEY = [0xa8, 0x62, 0x72, 0x61, 0x6e, 0x63, 0x68, 0x65, 0x73] as const;
/** The beginning of a list of so few that their number is in it. */
export const SHORT_ARRAY = 0x90;
/** The most places of such a list. */
export const MAX_SHORT_ARRAY = 15;
/** The beginning of a list of three. */
export const ARRAY_OF_THREE = 0x93;
const SHORT_TEXT = 0xa0;
const MAX_SHORT_TEXT = 31;
const TEXT_8 = 0xd9;
const MAX_TEXT_8 = 255;
/** Nothing. */
export const NIL = 0xc0;
const MAX_NUMBER = 2n ** 64n - 1n;
/** Tag, map, key, number. */
const END_LENGTH = 1 + 1 + TXN_KEY.length + 8;
const BRANCHES_AT = END_LENGTH + BRANCHES_KEY.length;

/**
 * Bytes on their way into a record; made once, so that nothing is allocated for each. The keys stand in the
 * same places in every record, and are put there once.
 */
const room = new Uint8Array(4096);
room.set(TXN_KEY, 2);
room.set(BRANCHES_KEY, END_LENGTH);
const view = new DataView(room.buffer);
/** Its beginnings by their lengths, made when they are needed: few lengths come again and again. */
const beginnings: (Uint8Array | undefined)[] = [];

function beginning(length: number): Uint8Array {
  return beginnings[length] ??= room.subarray(0, length);
}

/**
 * Encodes an End.
 *
 * @param tag Its tag.
 * @param txn Number of the transaction.
 * @returns The body, valid until the next call; `null` if the general way is needed.
 */
export function encodeHotEnd(tag: number, txn: bigint): Uint8Array | null {
  return putHead(tag, MAP_OF_ONE, txn) ? beginning(END_LENGTH) : null;
}

/**
 * Encodes a decision.
 *
 * @param tag Its tag.
 * @param txn Number of the transaction.
 * @param branches Its branches.
 * @returns The body, valid until the next call; `null` if the general way is needed.
 */
export function encodeHotBranches(
  tag: number,
  txn: bigint,
  branches: readonly BranchRecord[],
): Uint8Array | null {
  if (!putHead(tag, MAP_OF_TWO, txn)) return null;
  const end = putBranches(room, BRANCHES_AT, branches);
  return end < 0 ? null : beginning(end);
}

/**
 * The most bytes that branches take.
 *
 * @param branches The branches.
 * @returns What {@linkcode putBranches} needs at most.
 */
export function mostOfBranches(branches: readonly BranchRecord[]): number {
  let most = 1;
  for (const branch of branches) most += mostOfBranch(branch);
  return most;
}

/** Three texts, each with two bytes before it. */
function mostOfBranch({ participant, gid, token }: BranchRecord): number {
  return participant.length + gid.length + (token?.length ?? 0) + 7;
}

/**
 * Puts branches in their place.
 *
 * @param bytes Where they are put.
 * @param start The place.
 * @param branches The branches.
 * @returns The place behind them; -1 if there is no room, or if they are not plain.
 */
export function putBranches(
  bytes: Uint8Array,
  start: number,
  branches: readonly BranchRecord[],
): number {
  if (branches.length > MAX_SHORT_ARRAY) return -1;
  bytes[start] = SHORT_ARRAY | branches.length;
  let at = start + 1;
  for (const branch of branches) {
    if (at + mostOfBranch(branch) > bytes.length) return -1;
    const { participant, gid, token } = branch;
    bytes[at++] = ARRAY_OF_THREE;
    at = putText(bytes, participant, at);
    if (at > 0) at = branch.spellGid ? putSpelled(bytes, branch, at) : putText(bytes, gid, at);
    if (at > 0 && token === null) bytes[at++] = NIL;
    else if (at > 0 && token !== null) at = putText(bytes, token, at);
    if (at < 0) return -1;
  }
  return at;
}

function putHead(tag: number, map: number, txn: bigint): boolean {
  if (!isNumber(txn)) return false;
  room[0] = tag;
  room[1] = map;
  view.setBigUint64(2 + TXN_KEY.length, txn);
  return true;
}

/** Whether a number can be written: one of 64 bits without sign. */
export function isNumber(txn: bigint): boolean {
  return typeof txn === "bigint" && txn >= 0n && txn <= MAX_NUMBER;
}

/** Puts a text with its length; gives the place behind it, or -1 if it is not plain. */
function putText(bytes: Uint8Array, text: string, start: number): number {
  const { length } = text;
  let at = putLength(bytes, length, start);
  if (at < 0) return -1;
  for (let index = 0; index < length; index++) {
    const code = text.charCodeAt(index);
    if (code > 0x7f) return -1;
    bytes[at++] = code;
  }
  return at;
}

/** Puts a gid as {@linkcode putText} does, by the branch's own spelling. */
function putSpelled(bytes: Uint8Array, branch: BranchRecord, start: number): number {
  const { gid } = branch;
  const at = putLength(bytes, gid.length, start);
  if (at < 0) return -1;
  const end = branch.spellGid!(bytes, at);
  if (end !== at + gid.length) {
    throw new Error(`Cannot write "${gid}": its spelling has ${end - at} bytes, not ${gid.length}`);
  }
  return end;
}

/** Puts the length of a text; gives the place behind it, or -1 if it is too long. */
function putLength(bytes: Uint8Array, length: number, start: number): number {
  if (length > MAX_TEXT_8) return -1;
  if (length <= MAX_SHORT_TEXT) {
    bytes[start] = SHORT_TEXT | length;
    return start + 1;
  }
  bytes[start] = TEXT_8;
  bytes[start + 1] = length;
  return start + 2;
}
