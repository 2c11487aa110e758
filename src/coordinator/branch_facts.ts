/**
 * What is known of a branch outside of its session: its participant, its gid and the token of its outcome. The
 * log keeps this object itself for as long as the transaction is unfinished: it holds nothing that would keep a
 * session alive, and does not change once its transaction is decided.
 *
 * The gid is made once and for two readers: as a text for databases and people, as bytes for the log. Both are
 * of the same parts, since to read a text that was just put together, character by character, takes longer
 * than everything else in a decision's record.
 *
 * @module
 */

import type { BranchRecord } from "../wal/decisions/record.ts";
import { gidPrefix, makeGid } from "./gid.ts";

const SEPARATOR = "_".charCodeAt(0);
const ZERO = "0".charCodeAt(0);

/** What all gids of a coordinator begin with, as a text and as bytes. */
export class GidPrefix {
  /** What {@linkcode gidPrefix} gives. */
  readonly text: string;
  /** The same, which is ASCII. */
  readonly bytes: Uint8Array;

  /**
   * Takes the prefix of a coordinator.
   *
   * @param coordinator The coordinator's id.
   * @throws {RangeError} If it could not stand in a statement.
   */
  constructor(coordinator: string) {
    this.text = gidPrefix(coordinator);
    this.bytes = new TextEncoder().encode(this.text);
  }
}

/** The facts of one branch. */
export class BranchFacts implements BranchRecord {
  readonly #prefix: Uint8Array;
  readonly #transaction: string;
  readonly #branch: number;

  readonly participant: string;
  readonly gid: string;
  token: string | null = null;

  /**
   * Makes its gid.
   *
   * @param participant Name of the participant.
   * @param prefix What the coordinator's gids begin with.
   * @param transaction The transaction's id.
   * @param branch Place of the branch in its transaction, from 0.
   * @throws {RangeError} If the gid is too long.
   */
  constructor(participant: string, prefix: GidPrefix, transaction: string, branch: number) {
    this.participant = participant;
    this.gid = makeGid(prefix.text, transaction, branch);
    this.#prefix = prefix.bytes;
    this.#transaction = transaction;
    this.#branch = branch;
  }

  spellGid(bytes: Uint8Array, start: number): number {
    const prefix = this.#prefix;
    let at = start;
    for (let index = 0; index < prefix.length; index++) bytes[at++] = prefix[index]!;
    at = put(this.#transaction, bytes, at);
    bytes[at++] = SEPARATOR;
    if (this.#branch > 9) return put(String(this.#branch), bytes, at);
    bytes[at++] = ZERO + this.#branch;
    return at;
  }
}

function put(digits: string, bytes: Uint8Array, start: number): number {
  let at = start;
  for (let index = 0; index < digits.length; index++) bytes[at++] = digits.charCodeAt(index);
  return at;
}
