/**
 * Guarantees that what holds on a simulated machine holds on this one, with its disk and its clock.
 */

import { assertEquals, assertRejects } from "@std/assert";
import { Coordinator } from "../../src/coordinator/coordinator.ts";
import { LogLockedError } from "../../src/wal/errors.ts";
import { FakeDatabase } from "./support/fake_database.ts";
import { FakeParticipant } from "./support/fake_participant.ts";

Deno.test("Coordinator.open() gives a directory to one coordinator at a time", async () => {
  const directory = await Deno.makeTempDir();
  const participants = () => ({ north: new FakeParticipant(new FakeDatabase("north")) });
  const onEvent = () => {};
  try {
    await using first = await Coordinator.open({
      directory,
      participants: participants(),
      onEvent,
    });
    const error = await assertRejects(
      () => Coordinator.open({ directory, participants: participants(), onEvent }),
      LogLockedError,
    );
    assertEquals(error.holder?.pid, Deno.pid);
    await first.close();
    await using second = await Coordinator.open({
      directory,
      participants: participants(),
      onEvent,
    });
    assertEquals(second.id, first.id);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("Coordinator.open() keeps its promise on this machine's disk and clock", async () => {
  const directory = await Deno.makeTempDir();
  const north = new FakeDatabase("north");
  const south = new FakeDatabase("south");
  const open = () =>
    Coordinator.open({
      directory,
      participants: { north: new FakeParticipant(north), south: new FakeParticipant(south) },
      onEvent: () => {},
    });
  try {
    const ids: string[] = [];
    for (let opening = 0; opening < 2; opening++) {
      await using coordinator = await open();
      ids.push(
        await coordinator.transaction(["north", "south"], ({ north, south }, { id }) => {
          north.write(id);
          south.write(id);
          return id;
        }),
      );
    }
    assertEquals([north.rows, south.rows], [ids, ids]);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
