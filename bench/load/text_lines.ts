/**
 * Lines out of pieces of text.
 *
 * @module
 */

/** The longest line of another process that is believed to be one. */
const LONGEST = 1_048_576;

/** Cuts text into lines; what follows the last line feed is a line if it is not empty. */
export class TextLineStream extends TransformStream<string, string> {
  /** Begins with nothing. */
  constructor() {
    let rest = "";
    super({
      transform(piece, controller) {
        const lines = (rest + piece).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) controller.enqueue(line);
        if (rest.length > LONGEST) {
          throw new RangeError(`Cannot read a line above ${LONGEST} bytes`);
        }
      },
      flush(controller) {
        if (rest !== "") controller.enqueue(rest);
      },
    });
  }
}
