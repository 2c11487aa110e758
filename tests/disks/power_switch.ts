/**
 * The switch by which the program under load cuts the power of the file system under its own log.
 * It has to be that program: an fdatasync that is under way while a file system is shut down may
 * answer that all went well although nothing was written (seen on ext4 and XFS of Linux 6.18).
 * Nobody lives to hear such an answer when the power of a machine is cut, so nobody may listen here
 * either. From the moment at which the program asks for the cut until it is done, it does nothing
 * else, while the calls that are under way in other threads run into it.
 *
 * @module
 */

/** Where the switch is. */
export interface SwitchOptions {
  /** A named pipe: `xfs_io` reads its commands from it. */
  readonly pipe: string;
  /** A file on the volume. */
  readonly probe: string;
}

/** When the power is cut. */
export interface CutOptions extends SwitchOptions {
  /** Bytes of the report after which it is. */
  readonly after: number;
  /** The first word of the line at which it is then; absent for any. */
  readonly line?: string;
  /** Turns of the event loop after that, so that it is not always the same step of the log. */
  readonly turns: number;
  /** Milliseconds for which the program goes on, all of its calls failing, before it is gone. */
  readonly linger: number;
}

const CUT_MS = 5000;

/** A switch that is armed; it can be used once. */
export class PowerSwitch {
  readonly #options: CutOptions;
  readonly #pipe: Deno.FsFile;
  readonly #onCut: () => void;
  #armed = true;

  /**
   * Arms the switch.
   *
   * @param onCut Is called when the power is off.
   */
  constructor(options: CutOptions, onCut: () => void) {
    this.#options = options;
    this.#onCut = onCut;
    this.#pipe = Deno.openSync(options.pipe, { write: true });
  }

  /** Is told how the report goes on, and cuts the power when it is time. */
  see(text: string, length: number): void {
    const { after, line, turns } = this.#options;
    if (!this.#armed || length < after) return;
    if (line !== undefined && text.split(" ")[0] !== line) return;
    this.#armed = false;
    this.#countDown(turns);
  }

  #countDown(turns: number): void {
    if (turns > 0) setImmediate(() => this.#countDown(turns - 1));
    else this.#cut();
  }

  #cut(): void {
    this.#pipe.writeSync(new TextEncoder().encode("shutdown\n"));
    const deadline = performance.now() + CUT_MS;
    while (canOpen(this.#options.probe)) {
      if (performance.now() > deadline) throw new Error("Cannot cut the power: it stays on");
    }
    this.#onCut();
    const end = () => Deno.kill(Deno.pid, "SIGKILL");
    const { linger } = this.#options;
    if (linger === 0) end();
    else setTimeout(end, linger);
  }
}

function canOpen(path: string): boolean {
  try {
    Deno.openSync(path).close();
    return true;
  } catch {
    return false;
  }
}
