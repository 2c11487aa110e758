/** A commit can be measured without a disk. */

import { assertEquals } from "@std/assert";
import { NoOpParticipant } from "../../bench/load/no_op_participant.ts";
import { memoryFileSystem } from "../../bench/memory_file_system.ts";
import { Coordinator } from "../../mod.ts";
import { denoPlatform } from "../../src/platform/platform.ts";

Deno.test("A coordinator opens on files that keep nothing, and commits", async () => {
  await using coordinator = await Coordinator.open({
    directory: "memory",
    participants: { orders: new NoOpParticipant("1"), billing: new NoOpParticipant("2") },
    platform: { ...denoPlatform, fileSystem: memoryFileSystem },
  });
  const id = await coordinator.transaction(["orders", "billing"], (_, { id }) => id);
  assertEquals(coordinator.status(id), "committed");
});
