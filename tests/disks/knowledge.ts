/**
 * What is known of a log from outside, and what it may say therefore: everything that it said was
 * on disk, nothing that it said was not, nothing that was never appended, and of the rest what fits
 * together.
 *
 * @module
 */

import { assert, assertEquals, AssertionError } from "@std/assert";
import { denoPlatform } from "../../src/platform/platform.ts";
import { LiveState } from "../../src/wal/decisions/live_state.ts";
import { Log } from "../../src/wal/log.ts";
import type { Call, Report } from "./report.ts";
import { type CallKind, expectedText, textOf } from "./workload.ts";

/** What an opening of a log found. */
interface Finding {
  readonly id: string;
  readonly epoch: number;
  readonly texts: ReadonlyMap<string, string>;
  readonly calls: readonly Call[];
}

function keyOf(kind: CallKind, txn: bigint): string {
  return kind === "participant" ? `database_${txn}` : String(txn);
}

/** Opens a log, reads everything, and closes it. No damage may be found. */
async function look(directory: string): Promise<Finding> {
  const model = new LiveState();
  await using log = await Log.open({ directory, platform: denoPlatform, model });
  assertEquals(log.damages, [], "the log says that it is damaged");
  const texts = new Map<string, string>();
  const calls: Call[] = [];
  for (const participant of model.participants.values()) {
    texts.set(participant.name, textOf(participant));
    const txn = BigInt(participant.name.replace("database_", ""));
    calls.push({ kind: "participant", txn, fate: "durable" });
  }
  for (const transaction of model.active) {
    const { txn, decided } = transaction;
    texts.set(String(txn), textOf(transaction));
    calls.push({ kind: decided ? "committing" : "begin", txn, fate: "durable" });
  }
  return { id: log.id, epoch: log.epoch, texts, calls };
}

/** What is known of one log. */
export class Knowledge {
  #id: string | null = null;
  #epoch = 0;
  #calls: Call[] = [];

  /** How many records the log has acknowledged in its life. */
  acknowledged = 0;

  /** Takes a program's report into account. */
  learn({ calls, epochs }: Report): void {
    // A log that does not sync acknowledges more than one call takes as arguments.
    this.#calls = [...this.#calls, ...calls];
    this.acknowledged += calls.filter(({ fate }) => fate === "durable").length;
    let last = -1;
    for (const { lsn, kind, txn } of calls) {
      if (lsn === undefined) continue;
      assert(lsn > last, `${kind} ${txn} has LSN ${lsn}, and the call before it has ${last}`);
      last = lsn;
    }
    for (const epoch of epochs) this.#passEpoch(epoch);
  }

  /**
   * Opens the log twice and checks what it says.
   *
   * @param directory The log directory.
   * @param gaps Whether the log may lack Ends that nobody waited for although it has later records.
   */
  async check(directory: string, gaps: "gaps" | "no gaps" = "no gaps"): Promise<void> {
    const first = await look(directory);
    this.#id ??= first.id;
    assertEquals(first.id, this.#id, "the log has another id");
    this.#passEpoch(first.epoch);
    assertPossible(this.#calls, first.texts);
    if (gaps === "no gaps") assertPrefix(this.#calls, first.texts);
    const second = await look(directory);
    this.#passEpoch(second.epoch);
    assertEquals(second.texts, first.texts, "the second opening says something else");
    assertTidy(directory);
    // What was found is on disk, and what was not is gone for good.
    this.#calls = [...first.calls];
  }

  #passEpoch(epoch: number): void {
    assert(epoch > this.#epoch, `epoch ${epoch} follows epoch ${this.#epoch}`);
    this.#epoch = epoch;
  }
}

/**
 * Closed, a log is its newest segment alone; nothing half made is left, and nothing was set aside.
 */
function assertTidy(directory: string): void {
  const names = [...Deno.readDirSync(directory)].map(({ name }) => name);
  const segments = names.filter((name) => name.endsWith(".wal"));
  assertEquals(names.sort(), [...segments, ".lock", "identity.json"].sort());
  assertEquals(segments.length, 1);
}

/** Each transaction alone: what was found of it is what its calls allow. */
function assertPossible(calls: readonly Call[], found: ReadonlyMap<string, string>): void {
  const possible = new Map<string, Set<string | undefined>>();
  for (const { kind, txn, fate } of calls) {
    if (fate === "no") continue;
    const key = keyOf(kind, txn);
    const texts = possible.get(key) ?? new Set([undefined]);
    if (fate === "durable") texts.clear();
    possible.set(key, texts.add(expectedText(kind, txn)));
  }
  for (const [key, text] of found) {
    const texts = possible.get(key);
    if (texts === undefined) throw new AssertionError(`this was never appended: ${text}`);
    if (!texts.has(text)) {
      throw new AssertionError(`the log says '${text}', right is only: ${[...texts].join(" or ")}`);
    }
  }
  for (const [key, texts] of possible) {
    if (!found.has(key) && !texts.has(undefined)) {
      throw new AssertionError(`this is lost: ${[...texts].join(" or ")}`);
    }
  }
}

/**
 * All together: records reach the log in the order of the calls, so what was found is the sum of
 * all calls up to one at or behind the last that was acknowledged.
 */
function assertPrefix(calls: readonly Call[], found: ReadonlyMap<string, string>): void {
  const taken = calls.filter(({ fate }) => fate !== "no");
  const sure = taken.findLastIndex(({ fate }) => fate === "durable");
  const differing = new Set(found.keys());
  for (const [index, { kind, txn }] of taken.entries()) {
    if (index > sure && differing.size === 0) return;
    const key = keyOf(kind, txn);
    if (expectedText(kind, txn) === found.get(key)) differing.delete(key);
    else differing.add(key);
  }
  assertEquals([...differing], [], "the log has a record without all those before it");
}
