import { assertEquals } from "@std/assert";
import { ForeignBranches, LEFT_MS } from "../../src/coordinator/foreign_branches.ts";
import { ManualClock } from "../simulation/manual_clock.ts";

/** Looks at a database that says since when each branch is prepared, or not. */
class Watch {
  readonly clock = new ManualClock();
  readonly told: string[] = [];
  readonly branches = new ForeignBranches(
    this.clock,
    (participant, coordinator, gids) => this.told.push(`${participant} ${coordinator} ${gids}`),
  );

  /** Looks, and says what was told because of that. */
  look(gids: readonly string[], { participant = "north", age = 0 } = {}): string[] {
    this.told.length = 0;
    const since = new Date(this.clock.now() - age);
    const found = gids.map((gid) => ({ coordinator: gid.split("_")[0]!, gid, since }));
    this.branches.look(participant, found);
    return [...this.told];
  }
}

Deno.test("ForeignBranches tells nothing of branches that pass by, however often there are some", () => {
  const watch = new Watch();
  for (let look = 0; look < 100; look++) {
    assertEquals(watch.look([`a_${look}`, `b_${look}`]), []);
    watch.clock.advance(LEFT_MS);
  }
});

Deno.test("ForeignBranches tells at once of what a database says has been there for long", () => {
  const watch = new Watch();
  assertEquals(watch.look(["a_1"], { age: LEFT_MS - 1 }), []);
  assertEquals(watch.look(["a_1", "b_1", "a_2"], { age: LEFT_MS }), [
    "north a a_1,a_2",
    "north b b_1",
  ]);
});

Deno.test("ForeignBranches goes by its own clock where a database says since now each time", () => {
  const watch = new Watch();
  watch.look(["a_1"]);
  watch.clock.advance(LEFT_MS - 1);
  assertEquals(watch.look(["a_1", "a_2"]), []);
  watch.clock.advance(1);
  assertEquals(watch.look(["a_1", "a_2"]), ["north a a_1"]);
});

Deno.test("ForeignBranches tells once as long as there is anything left, and then again", () => {
  const watch = new Watch();
  const age = LEFT_MS;
  assertEquals(watch.look(["a_1"], { age }), ["north a a_1"]);
  assertEquals(watch.look(["a_1", "a_2"], { age }), []);
  assertEquals(watch.look(["a_2", "b_1"], { age }), ["north b b_1"]);
  assertEquals(watch.look(["b_1"], { age }), []);
  assertEquals(watch.look(["a_3", "b_1"], { age }), ["north a a_3"]);
});

Deno.test("ForeignBranches keeps the participants apart", () => {
  const watch = new Watch();
  assertEquals(watch.look(["a_1"], { age: LEFT_MS }), ["north a a_1"]);
  assertEquals(watch.look([], { participant: "south" }), []);
  assertEquals(watch.look(["a_1"], { participant: "south" }), []);
  watch.clock.advance(LEFT_MS);
  assertEquals(watch.look(["a_1"]), []);
  assertEquals(watch.look(["a_1"], { participant: "south" }), ["south a a_1"]);
});

Deno.test("ForeignBranches begins anew with a branch that was gone in between", () => {
  const watch = new Watch();
  watch.look(["a_1"]);
  watch.clock.advance(LEFT_MS - 1);
  watch.look([]);
  watch.look(["a_1"]);
  watch.clock.advance(LEFT_MS - 1);
  assertEquals(watch.look(["a_1"]), []);
  watch.clock.advance(1);
  assertEquals(watch.look(["a_1"]), ["north a a_1"]);
});

Deno.test("ForeignBranches is not misled by a clock that goes back, nor by a date that is none", () => {
  const watch = new Watch();
  watch.look(["a_1"], { age: -LEFT_MS * 10 });
  watch.look(["a_1"], { age: NaN });
  watch.clock.advance(LEFT_MS);
  assertEquals(watch.look(["a_1"], { age: NaN }), ["north a a_1"]);
});
