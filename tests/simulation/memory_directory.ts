/**
 * One directory of the simulated disk: the names that the process sees, and those that may be on
 * the platter. The rules are those at the top of `memory_disk.ts`; this file is where those about
 * names are made true.
 */

import type { MemoryFile, PendingSync } from "./memory_file.ts";
import type { SeededRandom } from "./seeded_random.ts";

/** What a name stands for. */
export type Entry = MemoryFile | MemoryDirectory;

type Entries = Map<string, Entry>;

/** Something done to the names. A rename is one change: it is never seen half done. */
type Change =
  | { readonly kind: "set"; readonly name: string; readonly entry: Entry }
  | { readonly kind: "remove"; readonly name: string; readonly entry: Entry };

/** Makes the copies that a crash leaves of files and directories. */
export type CopyEntry = (entry: Entry) => Entry;

/** Names in memory with a memory of what was not synced. */
export class MemoryDirectory {
  #durable: Entries = new Map();
  #pending: Change[] = [];
  /** The last change that a sync which lied should have covered; null when one has since. */
  #lied: Change | null = null;
  #isWrong = false;
  #hasKeptNames = false;
  readonly #names: Entries = new Map();

  /** What a name stands for, as every process sees it. */
  get(name: string): Entry | undefined {
    return this.#names.get(name);
  }

  /** All names and what they stand for. */
  entries(): [string, Entry][] {
    return [...this.#names];
  }

  /** Whether a power cut may have taken names that a sync had covered, as it said. */
  get isWrong(): boolean {
    return this.#isWrong || this.#hasKeptNames;
  }

  /** A name may be missing from now on, or be one that should not be there, whatever is written later. */
  markWrong(): void {
    this.#hasKeptNames = true;
  }

  /** Takes the names that are there for those that should be. */
  forgive(): void {
    this.#isWrong = false;
  }

  /** Gives an entry a name, instead of the one it had, and takes the name from any other entry. */
  set(name: string, entry: Entry): void {
    this.#change({ kind: "set", name, entry });
  }

  /** Takes a name away. */
  remove(name: string): void {
    const entry = this.#names.get(name);
    if (entry !== undefined) this.#change({ kind: "remove", name, entry });
  }

  /** Begins a sync of the names as they are now. A sync that fails leaves them to the next one. */
  beginSync(): PendingSync {
    const covered = this.#pending.at(-1);
    return {
      succeed: () => {
        const count = covered === undefined ? 0 : this.#pending.indexOf(covered) + 1;
        for (const change of this.#pending.splice(0, count)) {
          apply(this.#durable, change);
          if (change === this.#lied) this.#lied = null;
        }
      },
      fail: () => {},
      lie: () => {
        this.#lied = covered ?? this.#lied;
      },
    };
  }

  /** A directory as this one may be found after a power cut. */
  crash(random: SeededRandom, copy: CopyEntry): MemoryDirectory {
    const image: Entries = new Map(this.#durable);
    const inOrder = random.chance(0.5);
    const first = random.below(this.#pending.length + 1);
    this.#pending.forEach((change, index) => {
      if (inOrder ? index < first : random.chance(0.5)) apply(image, change);
    });
    const crashed = new MemoryDirectory();
    crashed.#durable = new Map([...image].map(([name, entry]) => [name, copy(entry)]));
    for (const [name, entry] of crashed.#durable) crashed.#names.set(name, entry);
    crashed.#isWrong = this.#isWrong || this.#lied !== null;
    crashed.#hasKeptNames = this.#hasKeptNames;
    return crashed;
  }

  /** The same directory after its process died: every name is there, and no more durable. */
  copy(copy: CopyEntry): MemoryDirectory {
    const copied = new MemoryDirectory();
    copied.#durable = new Map([...this.#durable].map(([name, entry]) => [name, copy(entry)]));
    copied.#pending = this.#pending.map((change) => ({ ...change, entry: copy(change.entry) }));
    copied.#lied = this.#lied && (copied.#pending[this.#pending.indexOf(this.#lied)] ?? null);
    copied.#isWrong = this.#isWrong;
    copied.#hasKeptNames = this.#hasKeptNames;
    for (const [name, entry] of this.#names) copied.#names.set(name, copy(entry));
    return copied;
  }

  #change(change: Change): void {
    this.#pending.push(change);
    apply(this.#names, change);
  }
}

function apply(entries: Entries, change: Change): void {
  if (change.kind === "remove") {
    if (entries.get(change.name) === change.entry) entries.delete(change.name);
    return;
  }
  for (const [name, entry] of entries) {
    if (entry === change.entry) entries.delete(name);
  }
  entries.set(change.name, change.entry);
}
