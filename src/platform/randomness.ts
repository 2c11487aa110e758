/**
 * Randomness as an interface, so that a seed repeats a run.
 *
 * @module
 */

/** The source of randomness. */
export interface Randomness {
  /** Fills `bytes` with random bytes. */
  fill(bytes: Uint8Array<ArrayBuffer>): void;
  /** A number from 0 (included) to 1 (excluded). */
  fraction(): number;
}

/** Randomness of this machine. */
export const systemRandomness: Randomness = {
  fill(bytes: Uint8Array<ArrayBuffer>): void {
    crypto.getRandomValues(bytes);
  },
  fraction: () => Math.random(),
};

/**
 * A random unsigned 32-bit integer.
 *
 * @param randomness The source.
 * @returns The number.
 */
export function randomUint32(randomness: Randomness): number {
  const bytes = new Uint8Array(4);
  randomness.fill(bytes);
  return new DataView(bytes.buffer).getUint32(0, true);
}
