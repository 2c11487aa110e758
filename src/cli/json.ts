/**
 * One JSON object for one line of output. A number that may need 64 bits is a decimal string, since the usual
 * readers of JSON would round it.
 *
 * @module
 */

/**
 * Writes an object as one line.
 *
 * @param value The object; a bigint in it becomes a decimal string.
 * @returns The line, with its line break.
 */
export function jsonLine(value: object): string {
  return `${JSON.stringify(value, wideNumbersAsText)}\n`;
}

function wideNumbersAsText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
