/**
 * What several rounds of the same thing come to.
 *
 * @module
 */

/**
 * The middle one; of an even number, halfway between the two in the middle.
 *
 * @throws {RangeError} If there are none.
 */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("Cannot take the median of nothing");
  const sorted = values.toSorted((one, other) => one - other);
  const upper = sorted.length >> 1;
  const [one, other] = [sorted[sorted.length % 2 === 0 ? upper - 1 : upper]!, sorted[upper]!];
  return (one + other) / 2;
}

/** How far the largest is above the smallest, as a part of the median; 0 if all are 0. */
export function spread(values: readonly number[]): number {
  const middle = median(values);
  return middle === 0 ? 0 : (Math.max(...values) - Math.min(...values)) / middle;
}
