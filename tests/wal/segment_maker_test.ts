/** Proves that each segment says where the records before it end, or behind which segment it was made ready. */

import { assertEquals } from "@std/assert";
import { LiveState } from "../../src/wal/decisions/live_state.ts";
import { decodeHead, type EpochRecord } from "../../src/wal/head.ts";
import { LogState } from "../../src/wal/log_state.ts";
import { SegmentMaker } from "../../src/wal/segment_maker.ts";
import { MemoryDisk } from "../simulation/memory_disk.ts";
import { simulatedPlatform } from "../simulation/simulated_platform.ts";
import { DIRECTORY, EPOCH } from "./sample_segment.ts";
import { scanSegment } from "./scan_segment.ts";

async function site() {
  const disk = new MemoryDisk();
  await disk.ensureDirectory(DIRECTORY);
  const platform = simulatedPlatform(disk);
  const state = new LogState(new LiveState());
  state.applyHead(EPOCH);
  const segments = new SegmentMaker(platform, DIRECTORY, state, () => 1000);
  const numbers: number[] = [];
  const onNumbers = (count: number) => numbers.push(count);
  const epochsOf = async (firstLsn: number): Promise<EpochRecord[]> => {
    const epochs: EpochRecord[] = [];
    await scanSegment(platform, DIRECTORY, firstLsn, (body) => {
      const head = decodeHead(body);
      if (head?.type === "epoch" && !epochs.some(({ after }) => after === head.after)) {
        epochs.push(head);
      }
    });
    return epochs;
  };
  return { disk, segments, numbers, onNumbers, epochsOf };
}

Deno.test("SegmentMaker.create says where the records before end only if numbers were passed over", async () => {
  const { segments, numbers, onNumbers, epochsOf } = await site();
  (await segments.create(5, () => null, { follows: 5, onNumbers, behind: null })).close();
  (await segments.create(50, () => null, { follows: 9, onNumbers, behind: null })).close();
  assertEquals(await epochsOf(5), [EPOCH]);
  assertEquals(await epochsOf(50), [{ ...EPOCH, follows: 9 }]);
  assertEquals(numbers, [2, 2]);
});

Deno.test("SegmentMaker.prepare says behind which segment, and begin where that one ended", async () => {
  const { disk, segments, numbers, onNumbers, epochsOf } = await site();
  const path = `${DIRECTORY}/next-0.unfinished`;
  const file = await disk.open(path, "create-new");
  file.write(new Uint8Array(500));
  await file.syncData();
  file.rewind();
  const segment = await segments.prepare(90, 40, { path, file });
  const ready = { ...EPOCH, opening: 1, restated: false, after: 40 };
  assertEquals(await epochsOf(90), [ready]);
  await segments.begin(() => segment, { follows: 43, onNumbers, behind: null });
  segment.close();
  assertEquals(await epochsOf(90), [ready, { ...EPOCH, follows: 43 }]);
  assertEquals(numbers, [2]);
});
