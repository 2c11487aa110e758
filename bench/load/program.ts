/**
 * Runs one of the programs in this folder.
 *
 * @module
 */

/**
 * Runs it to its end.
 *
 * @param name Its file.
 * @param args Its arguments.
 * @returns What it printed.
 * @throws {Error} If it fails; what it has to say about that is shown.
 */
export async function runProgram(name: string, args: readonly string[]): Promise<string> {
  const program = new URL(name, import.meta.url).pathname;
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", program, ...args],
    stdin: "null",
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`Cannot measure: ${name} ${args.join(" ")} ended with an error`);
  return new TextDecoder().decode(stdout);
}
