/**
 * Words for people: counts, lists that stay short, and text from a log made safe for a terminal.
 *
 * @module
 */

const SHOWN = 20;
const MAX_TEXT = 100;

/**
 * Text from a log as it may stand in a terminal: nothing in it moves the cursor or changes colours, and it
 * is one line of bounded length.
 *
 * @param text Any text.
 * @param length The most characters.
 * @returns The text, with control characters written as escapes.
 */
export function plain(text: string, length: number = MAX_TEXT): string {
  // One pass over no more than can be shown: the text may be as long as a record.
  const characters = Array.from(text.slice(0, 2 * length + 2));
  const shown = characters.length > length ? [...characters.slice(0, length - 1), "…"] : characters;
  return shown.join("").replaceAll(
    /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

/**
 * A count with its noun.
 *
 * @param number How many.
 * @param noun The noun in the singular; its plural has an s.
 * @returns Such as `1 record` or `2 records`.
 */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/**
 * Some of many lines.
 *
 * @param lines All lines.
 * @returns The first ones, indented, and a line that says how many more there are.
 */
export function someOf(lines: readonly string[]): string[] {
  const more = lines.length - SHOWN;
  const shown = lines.slice(0, SHOWN).map((line) => `  ${line}`);
  return more > 0 ? [...shown, `  and ${more} more, which --json lists`] : shown;
}

/**
 * A part of a text: a heading with some lines, or nothing if there are none.
 *
 * @param heading What the lines are.
 * @param lines The lines.
 * @returns All of it, with an empty line before.
 */
export function section(heading: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ["", heading, ...someOf(lines)];
}
