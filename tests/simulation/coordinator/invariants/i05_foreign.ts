/** I5: no transaction that is not ours is touched. */

import { type Evidence, idOfGid, InvariantViolation } from "../evidence.ts";

/** Sees that I5 holds. */
export function checkForeign(evidence: Evidence): void {
  for (const [name, gids] of evidence.foreign) {
    const prepared = evidence.final?.prepared.get(name) ?? [];
    for (const gid of gids) {
      if (prepared.includes(gid)) continue;
      throw new InvariantViolation("I5", `the foreign branch ${gid} is gone from ${name}`);
    }
    const sent = evidence.settlings.find((one) =>
      one.participant === name && gids.includes(one.gid)
    );
    if (sent === undefined) continue;
    throw new InvariantViolation(
      "I5",
      `${sent.ending} of the foreign ${idOfGid(sent.gid)} was sent`,
    );
  }
}
