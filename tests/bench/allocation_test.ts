import { assertEquals } from "@std/assert";
import { allocationTable, type HeapNode } from "../../bench/load/works/allocation.ts";

function node(functionName: string, selfSize: number, ...children: HeapNode[]): HeapNode {
  const url = functionName === "" ? "" : "file:///somewhere/src/wal/log.ts";
  return { callFrame: { functionName, url, lineNumber: 1 }, selfSize, children };
}

Deno.test("allocationTable() adds up a function from wherever it is called, the most first", () => {
  const head = node(
    "",
    0,
    node("append", 100, node("encode", 300)),
    node("other", 500, node("append", 600), node("nothing", 0)),
  );
  assertEquals(allocationTable(head, 10, "log at 1").split("\n").map((line) => line.trim()), [
    "150  bytes by operation, log at 1 (10 operations)",
    "70  append wal/log.ts",
    "50  other wal/log.ts",
    "30  encode wal/log.ts",
  ]);
});

Deno.test("allocationTable() sums up what is too much to be named", () => {
  const many = Array.from({ length: 50 }, (_, index) => node(`function${index}`, 10));
  const lines = allocationTable(node("", 0, ...many), 1, "log at 1").split("\n");
  assertEquals(lines.length, 42);
  assertEquals(lines.at(-1)?.trim(), "100  10 others");
});
