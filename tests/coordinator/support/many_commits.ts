/**
 * Commits very many transactions, a thousand at a time, and ends: for who looks at the collector meanwhile.
 *
 * @module
 */

import { NoOpParticipant } from "../../../bench/load/no_op_participant.ts";
import { Coordinator } from "../../../mod.ts";

const AT_ONCE = 1000;
const EACH = 100;

const directory = await Deno.makeTempDir();
try {
  await using coordinator = await Coordinator.open({
    directory,
    participants: { north: new NoOpParticipant("1"), south: new NoOpParticipant("2") },
  });
  const caller = async () => {
    for (let commits = 0; commits < EACH; commits++) {
      await coordinator.transaction(["north", "south"], () => {});
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, caller));
} finally {
  await Deno.remove(directory, { recursive: true });
}
