/**
 * Colours, only where they are wanted: on a terminal, or where FORCE_COLOR asks for them, and never with
 * NO_COLOR.
 *
 * @module
 */

import picocolors from "picocolors";

/** Colours text, or leaves it as it is. */
export type Style = ReturnType<typeof picocolors.createColors>;

/** Chooses for a stream. */
export function styleFor(stream: { isTerminal(): boolean }): Style {
  const wanted = isSet("FORCE_COLOR") || (stream.isTerminal() && Deno.env.get("TERM") !== "dumb");
  return picocolors.createColors(wanted && !isSet("NO_COLOR"));
}

function isSet(variable: string): boolean {
  return (Deno.env.get(variable) ?? "") !== "";
}
