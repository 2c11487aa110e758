/**
 * The `indoubt` command, for the person on call: looks into a log, says whether it is sound, and clears damage.
 *
 *     deno task indoubt inspect DIR [--json]
 *     deno task indoubt verify DIR [--json]
 *     deno task indoubt repair DIR --reason TEXT [--by NAME] [--accept-copy] [--presume-abort]
 *
 * `inspect` and `verify` only read, need no lock, and work beside a running coordinator. The exit code is 0 if
 * all is well, 1 if the log is damaged or transactions stay uncertain, 2 if the command could not do it.
 *
 * @module
 */

import { Command, CommanderError } from "commander";
import { inspect, repair, verify } from "./commands.ts";
import { type ByteSink, type CommandOutput, TextOutput } from "./output.ts";
import { plain } from "./words.ts";

export type { ByteSink } from "./output.ts";

const FAILED = 2;
const HELP_WIDTH = 80;

/** Where the command writes to. */
export interface Streams {
  /** What was asked for. */
  readonly stdout: ByteSink;
  /** What went wrong. */
  readonly stderr: ByteSink;
}

/**
 * Runs the command.
 *
 * @param args Its arguments.
 * @param streams Where it writes to; the streams of this process if nothing else is said.
 * @returns The exit code.
 */
export async function main(args: readonly string[], streams: Streams = Deno): Promise<number> {
  const output = { out: new TextOutput(streams.stdout), error: new TextOutput(streams.stderr) };
  let code = await run(args, output);
  try {
    await output.out.flush();
  } catch (error) {
    // A code that says something of the log must not stand for what nobody could read.
    complain(error, output);
    code = FAILED;
  }
  try {
    await output.error.flush();
  } catch {
    code = FAILED;
  }
  return code;
}

async function run(args: readonly string[], output: CommandOutput): Promise<number> {
  let code = 0;
  const program = makeProgram(output, (result) => code = result);
  try {
    await program.parseAsync(args, { from: "user" });
    return code;
  } catch (error) {
    // Its message has been written by the library.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : FAILED;
    complain(error, output);
    return FAILED;
  }
}

function complain(error: unknown, output: CommandOutput): void {
  const message = error instanceof Error ? error.message : String(error);
  // It may quote what stands in the log's directory.
  output.error.add(`${plain(message, Infinity)}\n`);
}

function makeProgram(output: CommandOutput, done: (code: number) => void): Command {
  const program = new Command("indoubt")
    .description("Looks into the log of a coordinator, says whether it is sound, clears damage.")
    .exitOverride()
    .configureOutput({
      writeOut: (text: string) => output.out.add(text),
      writeErr: (text: string) => output.error.add(text),
      // Said here, or the library would ask for permission to read the environment.
      getOutHelpWidth: () => HELP_WIDTH,
      getErrHelpWidth: () => HELP_WIDTH,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .addHelpText("after", "\nExit code: 0 all is well, 1 damaged or uncertain, 2 cannot be done");
  program.command("inspect")
    .description(
      "Show every record, damage and segment end. Only reads, also beside a coordinator.",
    )
    .argument("<directory>", "the log directory")
    .option("--json", "one JSON object for each line")
    .action(async (directory: string, options: { json?: boolean }) => {
      done(await inspect(directory, options, output));
    });
  program.command("verify")
    .description("Say whether the log is sound. Only reads, also beside a coordinator.")
    .argument("<directory>", "the log directory")
    .option("--json", "one JSON object")
    .addHelpText("after", "\nExit code: 0 sound, 1 damaged, 2 cannot tell")
    .action(async (directory: string, options: { json?: boolean }) => {
      done(await verify(directory, options, output));
    });
  program.command("repair")
    .description("Open a damaged log, keep what is damaged, and say what stays uncertain.")
    .argument("<directory>", "the log directory; no coordinator may have it open")
    .requiredOption("--reason <text>", "why, for those who read the log later")
    .option("--by <name>", "who decides (default: the user's name)")
    .option("--accept-copy", "the directory is a copy, and the only one that is used from now on")
    .option("--presume-abort", "let transactions without a decision be rolled back from now on")
    .addHelpText("after", "\nExit code: 0 nothing is uncertain, 1 something still is, 2 failed")
    .action(async (directory: string, options: Parameters<typeof repair>[1]) => {
      done(await repair(directory, options, output));
    });
  return program;
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
