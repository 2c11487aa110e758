/**
 * The order of the layers: a folder of `src/` imports only from itself and from the folders before
 * it, so each one can be understood, tested and replaced without those above it. Within the log, what
 * a program gets that only wants a log knows none of the coordinator's records. The imports are
 * Deno's own module graph, types included.
 *
 * @module
 */

import { pathToFileURL } from "node:url";
import { entryPoints, outputOf, projectFiles, ROOT } from "./project.ts";

/** From the bottom to the top. */
const LAYERS = ["platform", "wal", "coordinator", "participants", "telemetry", "admin", "cli"];

/** The only layer that may use the WebAssembly core. */
const USER_OF_WASM = "wal";

/** The log without a coordinator, and the folders of its layer that are none of its business. */
const PLAIN_LOG = "src/wal/mod.ts";
const BEYOND_PLAIN_LOG = ["src/wal/decisions/", "src/wal/pgdog/"];

/** Never imported by the library: assertions are for tests, and the user brings the driver. */
const FORBIDDEN =
  /^(?:npm:|jsr:)?\/?(?:@std\/assert|postgres|pg|mysql2|@electric-sql\/pglite)(?:[@/]|$)/;

/** One module's import of another, both as paths from the project's folder where they are in it. */
export interface Import {
  readonly from: string;
  /** As written in the module. */
  readonly specifier: string;
  /** What it stands for, or `undefined` if it could not be found. */
  readonly to: string | undefined;
}

/** The part of `deno info --json` that is read here. */
interface Graph {
  readonly modules: readonly {
    readonly specifier: string;
    readonly error?: string;
    readonly dependencies?: readonly {
      readonly specifier: string;
      readonly code?: { readonly specifier?: string };
      readonly type?: { readonly specifier?: string };
    }[];
  }[];
}

/** Why an import is not allowed, or `undefined` if it is. */
export function problemOfImport({ from, specifier, to }: Import): string | undefined {
  const here = layerOf(from);
  if (here === undefined) return undefined;
  if (to === undefined) return "could not be found";
  if (FORBIDDEN.test(specifier) || FORBIDDEN.test(to)) return "must not be used by the library";
  if (/^(?:node|npm|jsr):/.test(to) || to.startsWith("stand_ins/")) return undefined;
  if (to.startsWith("wasm/")) {
    return here === USER_OF_WASM ? undefined : `is for src/${USER_OF_WASM}/ only`;
  }
  const there = layerOf(to);
  if (there === undefined) return "is outside of the library";
  return LAYERS.indexOf(there) <= LAYERS.indexOf(here)
    ? undefined
    : `is in a layer above: the order is ${LAYERS.join(" < ")}`;
}

/** The folder below `src/`, or `undefined` for a file elsewhere. */
function layerOf(path: string): string | undefined {
  return /^src\/([^/]+)\//.exec(path)?.[1];
}

/** The imports by which the log without a coordinator would lead to more than a log, in one line each. */
export function problemsOfPlainLog(imports: readonly Import[]): string[] {
  if (imports.every(({ from }) => from !== PLAIN_LOG)) return [`${PLAIN_LOG}: imports nothing`];
  const isBeyond = (path: string) => BEYOND_PLAIN_LOG.some((folder) => path.startsWith(folder));
  const problems: string[] = [];
  const reached = new Set([PLAIN_LOG]);
  // A set is walked to its end, with what is added on the way.
  for (const here of reached) {
    for (const { from, specifier, to } of imports) {
      if (from !== here || to === undefined) continue;
      if (!isBeyond(to)) reached.add(to);
      else problems.push(`${from}: '${specifier}' is no part of the log that ${PLAIN_LOG} gives`);
    }
  }
  return problems;
}

/** What stands in a module that should only pass on the exports of others. */
export function otherThanExports(source: string): string | undefined {
  const withoutComments = source.replaceAll(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, "");
  const rest = withoutComments
    .replaceAll(/^export\s+(?:type\s+)?(?:\*(?:\s+as\s+\w+)?|\{[^}]*\})\s+from\s+"[^"]+";/gm, "")
    .trim();
  return rest === "" ? undefined : rest.split("\n")[0];
}

/** Everything in the project that breaks the order, in one line each. */
export async function layerProblems(): Promise<string[]> {
  const sources = (await projectFiles()).filter((path) => /^src\/.*\.ts$/.test(path));
  const misplaced = sources
    .filter((path) => !LAYERS.includes(layerOf(path) ?? ""))
    .map((path) => `${path}: is in none of the layers ${LAYERS.join(", ")}`);
  const imports = await importsOf([...await entryPoints(), ...sources]);
  const forbidden = imports.flatMap((each) => {
    const problem = problemOfImport(each);
    return problem === undefined ? [] : [`${each.from}: '${each.specifier}' ${problem}`];
  });
  const plain = problemsOfPlainLog(imports);
  const other = otherThanExports(await Deno.readTextFile(`${ROOT}mod.ts`));
  const face = other === undefined ? [] : [`mod.ts: '${other}' is more than a re-export`];
  return [...misplaced, ...forbidden, ...plain, ...face];
}

/** The imports of these modules, and of all that they lead to. */
async function importsOf(paths: readonly string[]): Promise<Import[]> {
  const seen = new Map<string, Import[]>();
  for (const path of paths) {
    if (seen.has(path)) continue;
    const graph = JSON.parse(await outputOf(Deno.execPath(), "info", "--json", path)) as Graph;
    for (const { specifier, error, dependencies = [] } of graph.modules) {
      const from = fromRoot(specifier);
      if (error !== undefined) throw new Error(`Cannot read '${from}': ${error}`);
      seen.set(
        from,
        dependencies.map(({ specifier, code, type }) => {
          const target = code?.specifier ?? type?.specifier;
          return { from, specifier, to: target === undefined ? undefined : fromRoot(target) };
        }),
      );
    }
  }
  return [...seen.values()].flat();
}

function fromRoot(specifier: string): string {
  const root = pathToFileURL(ROOT).href;
  return specifier.startsWith(root) ? specifier.slice(root.length) : specifier;
}
