/** What is said of an Epoch at the head of a segment that was made ready. */

import { assertEquals } from "@std/assert";
import { recordWords } from "../../src/cli/record_words.ts";
import { EPOCH } from "../wal/sample_segment.ts";

Deno.test("recordWords says behind which segment another was made ready", () => {
  const words = "opening 1 of log 0123456789ab,";
  assertEquals(recordWords(EPOCH), `${words} at 2026-01-01T00:00:00.000Z`);
  const ready = { ...EPOCH, opening: 1, restated: false, after: 40 };
  assertEquals(recordWords(ready), `${words} made ready behind 00000000000000000040.wal`);
});
