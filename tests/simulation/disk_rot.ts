/** Ways in which bits rot: one turns, or a sector comes back as noise or as zeros. */

import type { MemoryDisk } from "./memory_disk.ts";
import { SECTOR } from "./memory_file.ts";
import type { SeededRandom } from "./seeded_random.ts";

/** A change of the bytes of a file. */
export type Rot = (bytes: Uint8Array) => void;

/** Turns one bit; nothing happens behind the end of the file. */
export function turnedBit(bit: number): Rot {
  return (bytes) => {
    const index = Math.floor(bit / 8);
    if (index < bytes.length) bytes[index] = (bytes[index] ?? 0) ^ (1 << bit % 8);
  };
}

/** Puts these bytes over a sector, as far as the file goes. */
export function replacedSector(sector: number, content: Uint8Array): Rot {
  return (bytes) => {
    bytes.subarray(sector * SECTOR, (sector + 1) * SECTOR).forEach((_, index, old) => {
      old[index] = content[index] ?? 0;
    });
  };
}

/** One of these ways, at some place of a file of that length. */
export function drawRot(random: SeededRandom, length: number): Rot {
  const content = new Uint8Array(SECTOR);
  switch (random.pick(["bit", "noise", "zeros"] as const)) {
    case "bit":
      return turnedBit(random.below(8 * length));
    case "noise":
      random.fill(content);
      return replacedSector(random.below(Math.ceil(length / SECTOR)), content);
    case "zeros":
      return replacedSector(random.below(Math.ceil(length / SECTOR)), content);
  }
}

/** Lets some file of a directory rot at some place; every byte is hit as often as any other. */
export function rotSomewhere(disk: MemoryDisk, directory: string, random: SeededRandom): void {
  const files = disk.namesIn(directory).map((name) => `${directory}/${name}`)
    .map((path) => ({ path, length: disk.bytesOf(path).length }));
  let byte = random.below(files.reduce((sum, { length }) => sum + length, 0));
  for (const { path, length } of files) {
    if (byte < length) return disk.rot(path, drawRot(random, length));
    byte -= length;
  }
}
