/**
 * Names for where kills happened, to read and to count by.
 *
 * @module
 */

import { PROTOCOL_POINTS } from "@indoubt/coordinator";
import type { RoundRecord } from "./facts.ts";
import { POINT_TEXT } from "./plan.ts";

const MOMENT = "at a random moment";
const RECOVERY = "during recovery";
const AFTER_RECOVERY = "just after recovery";

/** All names: the protocol's points in its order, then the others. */
export const KILL_PLACES: readonly string[] = [
  ...PROTOCOL_POINTS.map((point) => POINT_TEXT[point]),
  MOMENT,
  RECOVERY,
  AFTER_RECOVERY,
];

/** Names where a worker was killed; `null` if it was not. */
export function placeOfKill({ kill, recovery }: RoundRecord): string | null {
  if (kill === null) return null;
  if (kill.kind === "point") return POINT_TEXT[kill.point];
  if (kill.kind === "moment") return MOMENT;
  return recovery === null ? RECOVERY : AFTER_RECOVERY;
}
