/** I10: a segment is removed only if the log holds every decision without it, whatever happens next. */

import type { Evidence } from "../evidence.ts";
import { checkProbe } from "./i07_log.ts";

/** Sees that I10 holds. */
export function checkSegments(evidence: Evidence): void {
  for (const probe of evidence.probes) {
    if (probe.why === "a segment is removed") checkProbe("I10", probe);
  }
}
