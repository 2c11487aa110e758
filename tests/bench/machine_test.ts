import { assertEquals } from "@std/assert";
import { mountOf, runtimeWords } from "../../bench/load/machine.ts";
import { parseProcStat, processorUse } from "../../bench/load/processor.ts";

Deno.test("mountOf() finds the mount that is nearest to a path", () => {
  const mounts = [
    "overlay / overlay rw 0 0",
    "/dev/vdb /data ext4 rw,relatime 0 0",
    "tmpfs /data/fast tmpfs rw 0 0",
    "",
  ].join("\n");
  assertEquals(mountOf(mounts, "/data/logs"), "ext4 on /dev/vdb (rw,relatime)");
  assertEquals(mountOf(mounts, "/data/fast"), "tmpfs on tmpfs (rw)");
  assertEquals(mountOf(mounts, "/data/faster"), "ext4 on /dev/vdb (rw,relatime)");
  assertEquals(mountOf(mounts, "/database"), "overlay on overlay (rw)");
  assertEquals(mountOf("", "/data"), null);
});

Deno.test("runtimeWords() say with which options V8 was started", () => {
  const versions = { deno: "2.9.6", v8: "15.0" };
  assertEquals(runtimeWords(versions, undefined), "Deno 2.9.6, V8 15.0");
  assertEquals(runtimeWords(versions, "--jitless"), "Deno 2.9.6, V8 15.0 with --jitless");
});

Deno.test("parseProcStat() counts what is busy, and what was stolen apart", () => {
  const text = "cpu  100 20 300 9000 50 6 7 80 0 0\ncpu0 1 2 3 4 5 6 7 8 0 0\n";
  assertEquals(parseProcStat(text), { busy: 4.33, stolen: 0.8 });
  assertEquals(parseProcStat("cpu 1 2\n"), null);
  assertEquals(parseProcStat(""), null);
});

Deno.test("processorUse() is what others used above our own, never less than nothing", () => {
  const before = { at: 1000, busy: 10, stolen: 1, own: 2 };
  assertEquals(processorUse(before, { at: 3000, busy: 13, stolen: 1.5, own: 4 }), {
    own: 1,
    foreign: 0.5,
    stolen: 0.25,
  });
  assertEquals(processorUse(before, { at: 3000, busy: 11.9, stolen: 1, own: 4 }).foreign, 0);
  assertEquals(processorUse(before, { at: 3000, busy: null, stolen: null, own: 4 }), {
    own: 1,
    foreign: null,
    stolen: null,
  });
});
