/**
 * Lines of text from a stream of bytes. A last line that was cut off, as a kill can do, is left out.
 *
 * A child process of the demo also watches the lines of its standard input for their end, which comes
 * with the end of the demo's own process, however that ended.
 *
 * @module
 */

/** Yields each whole line, without its end. */
export async function* readLines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of stream) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}

/** Ends this process when nobody is left at the other end of its standard input. */
export async function endWhenAbandoned(input: AsyncIterable<string>): Promise<never> {
  for await (const _line of input);
  Deno.exit(1);
}
