/**
 * Measures a whole commit without a disk and without databases: two participants that do nothing, files that
 * keep nothing. The baselines are what no commit can go below: one turn of the event loop for a caller alone
 * (the log lets callers gather for that long), and for many a promise for each and one turn.
 */

import { Coordinator } from "../mod.ts";
import { denoPlatform } from "../src/platform/platform.ts";
import { NoOpParticipant } from "./load/no_op_participant.ts";
import { memoryFileSystem } from "./memory_file_system.ts";

const coordinator = await Coordinator.open({
  directory: "memory",
  participants: { orders: new NoOpParticipant("1"), billing: new NoOpParticipant("2") },
  platform: { ...denoPlatform, fileSystem: memoryFileSystem },
});
addEventListener("unload", () => void coordinator.close());

const names = ["orders", "billing"] as const;
const nothing = () => {};

for (const callers of [1, 16, 128]) {
  const group = `${callers} at once`;

  Deno.bench(`a promise each and one turn, ${callers}`, { group, baseline: true }, async () => {
    const waiting: (() => void)[] = [];
    const all = Promise.all(
      Array.from({ length: callers }, () => new Promise<void>((resolve) => waiting.push(resolve))),
    );
    setImmediate(() => waiting.forEach((resolve) => resolve()));
    await all;
  });

  Deno.bench(`commit, ${callers}`, { group }, async () => {
    await Promise.all(
      Array.from({ length: callers }, () => coordinator.transaction(names, nothing)),
    );
  });
}
