import { assertEquals, assertRejects } from "@std/assert";
import type { FileHandle, FileSystem } from "../../src/platform/file_system.ts";
import { openInTurn } from "../../src/wal/segment_window.ts";
import { ManualClock } from "../simulation/manual_clock.ts";

/** Files of which it is known when they are opened, read and closed. */
class WatchedFiles {
  readonly events: string[] = [];
  readonly #files: Readonly<Record<string, Uint8Array>>;

  constructor(files: Readonly<Record<string, Uint8Array>>) {
    this.#files = files;
  }

  get fileSystem(): FileSystem {
    const fileSystem: Partial<FileSystem> = {
      open: (path) => this.#open(path.slice(path.lastIndexOf("/") + 1)),
    };
    return fileSystem as FileSystem;
  }

  #open(name: string): Promise<FileHandle> {
    const bytes = this.#files[name];
    if (bytes === undefined) {
      return Promise.reject(new Error(`Cannot open ${name}: it is not there`));
    }
    this.events.push(`open ${name}`);
    const handle: Partial<FileHandle> = {
      size: () => Promise.resolve(bytes.length),
      read: (buffer, position) => {
        this.events.push(`read ${name}`);
        const part = bytes.subarray(position, position + buffer.length);
        buffer.set(part);
        return Promise.resolve(part.length);
      },
      close: () => this.events.push(`close ${name}`),
    };
    return Promise.resolve(handle as FileHandle);
  }
}

const clock = new ManualClock();
const TWO = { a: Uint8Array.of(1, 2), b: Uint8Array.of(3, 4, 5) };

Deno.test("openInTurn reads the next segment while one is looked at", async () => {
  const files = new WatchedFiles(TWO);
  const seen: number[][] = [];
  for await (const window of openInTurn(files.fileSystem, "log", ["a", "b"])) {
    await window.moveTo(0);
    await clock.settle();
    seen.push([...window.bytes]);
    files.events.push("seen");
  }
  assertEquals(seen, [[1, 2], [3, 4, 5]]);
  assertEquals(files.events, [
    ...["open a", "read a", "open b", "read b", "seen", "close a"],
    ...["seen", "close b"],
  ]);
});

Deno.test("openInTurn says that a segment cannot be opened when it is its turn", async () => {
  const files = new WatchedFiles(TWO);
  const seen: number[] = [];
  await assertRejects(
    async () => {
      for await (const window of openInTurn(files.fileSystem, "log", ["a", "c", "b"])) {
        await clock.settle();
        seen.push(window.length);
      }
    },
    Error,
    "Cannot open c",
  );
  assertEquals(seen, [2]);
  assertEquals(files.events, ["open a", "read a", "close a"]);
});

Deno.test("openInTurn closes what it has opened ahead when reading is given up", async () => {
  const files = new WatchedFiles(TWO);
  for await (const _ of openInTurn(files.fileSystem, "log", ["a", "b"])) break;
  assertEquals(files.events.filter((event) => event.startsWith("close")), ["close a", "close b"]);
});
