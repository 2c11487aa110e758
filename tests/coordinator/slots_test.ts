/** Guarantees that what is in a slot is there until it leaves it, and that slots are taken again. */

import { assert, assertEquals } from "@std/assert";
import { Slots } from "../../src/coordinator/slots.ts";
import { seededTest } from "../simulation/seeds.ts";

Deno.test("Slots.add() takes a slot again that was left", () => {
  const slots = new Slots<{ name: string }>();
  const [first, second] = [slots.add({ name: "a" }), slots.add({ name: "b" })];
  slots.remove(first);
  assertEquals(slots.add({ name: "c" }), first);
  slots.remove(second);
  assertEquals([...slots], [{ name: "c" }]);
});

seededTest("Slots holds what a Set would", 100, (random) => {
  const slots = new Slots<{ slot: number }>();
  const model = new Set<{ slot: number }>();
  let most = 0;
  for (let step = 0; step < 200; step++) {
    const [one] = model;
    if (random.below(2) === 0 || one === undefined) {
      const added = { slot: 0 };
      added.slot = slots.add(added);
      model.add(added);
    } else {
      slots.remove(one.slot);
      model.delete(one);
    }
    most = Math.max(most, model.size);
    assertEquals(new Set(slots), model);
  }
  assert([...slots].every(({ slot }) => slot < most), "more slots than were ever needed");
});
