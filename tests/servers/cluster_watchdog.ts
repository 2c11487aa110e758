/**
 * A temporary folder that is gone, with every process that works in it, once its owner is done with
 * it **or dead**, however it died. A small shell script outside of the owner's session waits for
 * the end of a pipe from the owner; it is the only one that cleans up, so the way out is the same
 * after a test and after a SIGKILL.
 *
 * @module
 */

/**
 * The folder comes in the environment and over a pipe, never as an argument, so that neither the
 * script nor its grep is among the processes that name it.
 */
const SCRIPT = `
trap '' HUP INT TERM
cat >/dev/null

found() {
  pids=" "
  for file in $(printf %s "$FOLDER" | grep -lF -f - /proc/[0-9]*/cmdline 2>/dev/null); do
    pid=\${file#/proc/}
    pids="$pids\${pid%/cmdline} "
  done
  named=$pids
  for file in /proc/[0-9]*/stat; do
    { read -r line <"$file"; } 2>/dev/null || continue
    set -- "\${line%% *}" \${line##*) }
    case "$2 $named" in
      Z*) ;;
      *" $3 "*) pids="$pids$1 " ;;
    esac
  done
  [ "$pids" != " " ]
}

# SIGQUIT is PostgreSQL's immediate shutdown: it still gives its shared memory back.
tries=0
while found; do
  tries=$((tries + 1))
  read -r postmaster <"$FOLDER/data/postmaster.pid" || postmaster=none
  for pid in $named; do
    if [ "$pid" = "$postmaster" ] && [ $tries -lt 80 ]; then
      kill -QUIT "$pid"
      kill -CONT "$pid"
    else
      kill -KILL "$pid"
    fi
  done
  [ $tries -gt 80 ] && kill -KILL $pids
  sleep 0.1
done

# A postmaster that was killed has left its file, which names its segment of shared memory. Only
# the segment's owner may remove it; to be root is not always enough.
set -- $(sed -n 7p "$FOLDER/data/postmaster.pid")
[ $# -eq 2 ] && grep -q "^ *$1 *$2 " /proc/sysvipc/shm && $AS_OWNER ipcrm -m "$2"

tries=0
until rm -rf "$FOLDER"; do
  tries=$((tries + 1))
  [ $tries -gt 50 ] && exit 1
  sleep 0.1
done
`;

/** A temporary folder under guard. */
export class GuardedFolder implements AsyncDisposable {
  /** Where it is. */
  readonly path: string;
  readonly #watchdog: Deno.ChildProcess;
  #released = false;

  /**
   * Makes the folder, for processes of the given user where that is another one than the current.
   * There is no `await` between the folder and its guard.
   */
  constructor(prefix: string, user?: string) {
    this.path = Deno.makeTempDirSync({ prefix });
    try {
      this.#watchdog = new Deno.Command("sh", {
        args: ["-c", SCRIPT],
        cwd: "/",
        env: {
          FOLDER: this.path,
          AS_OWNER: user === undefined ? "" : `runuser -u ${user} --`,
        },
        // A session of its own, so that what ends the owner's process group does not end the guard.
        detached: true,
        stdin: "piped",
        stdout: "null",
        stderr: "null",
      }).spawn();
    } catch (error) {
      Deno.removeSync(this.path);
      throw error;
    }
    // A program that ends without disposing must not hang on its guard.
    this.#watchdog.unref();
  }

  /** Ends what works in the folder, removes it, and returns when all that is done. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    this.#watchdog.ref();
    await this.#watchdog.stdin.close();
    const { code } = await this.#watchdog.status;
    if (code !== 0) {
      throw new Error(`Cannot remove '${this.path}': its guard ended with code ${code}`);
    }
  }
}
