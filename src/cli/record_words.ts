/**
 * What a record says, in a few words for a table.
 *
 * @module
 */

import type { InspectedRecord } from "../wal/inspect.ts";
import { segmentName } from "../wal/segment_name.ts";
import { count, plain } from "./words.ts";

type AnyRecord = NonNullable<InspectedRecord["record"]>;
type Checkpoint = Extract<AnyRecord, { type: "checkpoint" }>;
type Verdict = Extract<AnyRecord, { type: "verdict" }>;

const SHOWN_NUMBERS = 3;

/**
 * Says what a record says.
 *
 * @param record The record; `null` if its kind is unknown.
 * @returns One line, safe for a terminal.
 */
export function recordWords(record: AnyRecord | null): string {
  // What a person wrote for others to read is not cut.
  return plain(wordsOf(record), record?.type === "verdict" ? Infinity : undefined);
}

function wordsOf(record: AnyRecord | null): string {
  switch (record?.type) {
    case undefined:
      return "of a kind that this version does not know";
    case "doubt":
    case "begin":
      return "branches" in record
        ? record.branches.map(({ participant }) => participant).join(", ")
        : `user ${record.user}, database ${record.database}`;
    case "committing":
      return "branches" in record
        ? record.branches.map(({ participant }) => participant).join(", ")
        : "";
    case "end":
      return "";
    case "checkpoint":
      return checkpointWords(record);
    case "epoch":
      return `opening ${record.epoch} of log ${record.id}, ` +
        (record.after === undefined
          ? `at ${record.started}`
          : `made ready behind ${segmentName(record.after)}`);
    case "participant":
      return `${record.name}: ${record.identity}`;
    case "outcomes":
      return `${record.outcomes.length} outcomes`;
    case "branch-verdict":
      return `${record.kind} ${record.subject} by ${record.by}: ${record.reason}`;
    case "verdict":
      return verdictWords(record);
    case "application":
      return `${count(record.payloadLength, "byte")}: ${record.payload}`;
  }
}

function verdictWords(verdict: Verdict): string {
  const { kind, by, at, epoch, reason } = verdict;
  switch (kind) {
    case "damaged":
      return `damaged up to opening ${epoch}: ${verdict.file} ${reason}`;
    case "cleared":
      return `cleared by ${by} at ${at}: ${reason}`;
    case "repaired":
      return `repaired by ${by} at ${at}: ${reason} (opening ${epoch}: ${verdict.done})`;
  }
}

function checkpointWords(checkpoint: Checkpoint): string {
  const decided: bigint[] = [];
  const undecided: bigint[] = [];
  for (const one of checkpoint.active) (one.decided ? decided : undecided).push(one.txn);
  const parts: string[] = [];
  if (decided.length > 0) parts.push(`decided: ${numbers(decided)}`);
  if (undecided.length > 0) parts.push(`undecided: ${numbers(undecided)}`);
  if (parts.length === 0) parts.push("nothing unfinished");
  if ("participants" in checkpoint && checkpoint.participants.length > 0) {
    const names = checkpoint.participants.map(({ name }) => name);
    parts.push(`participants: ${names.join(", ")}`);
  }
  return parts.join("; ");
}

function numbers(all: readonly bigint[]): string {
  const more = all.length - SHOWN_NUMBERS;
  const shown = all.slice(0, SHOWN_NUMBERS).join(", ");
  return more > 0 ? `${shown} and ${more} more` : shown;
}
