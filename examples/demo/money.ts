/**
 * Amounts for people to read.
 *
 * @module
 */

/** Writes an amount with two decimals and with groups of thousands, such as `40,000.00`. */
export function formatCents(cents: number): string {
  return (cents / 100).toLocaleString("en-US", { minimumFractionDigits: 2 });
}
