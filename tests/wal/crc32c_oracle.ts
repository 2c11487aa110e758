/**
 * crc32c one byte at a time, straight from the definition: slow, short, and sharing nothing with
 * the code under test.
 */

/** The polynomial of Castagnoli, bits reversed. */
const POLYNOMIAL = 0x82f63b78;

const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? value >>> 1 ^ POLYNOMIAL : value >>> 1;
  return value;
});

/** The crc32c of `data`, continuing `crc`. */
export function crc32cOracle(data: Uint8Array, crc: number = 0): number {
  let state = ~crc;
  for (const byte of data) state = TABLE[(state ^ byte) & 0xff]! ^ state >>> 8;
  return ~state >>> 0;
}
