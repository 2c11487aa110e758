/** A promise whose rejection nobody has handled is a mistake in every run. */

/**
 * Watches until it is disposed of.
 *
 * @param onRejection Is told of each.
 */
export function watchRejections(onRejection: (what: string) => void): Disposable {
  const listener = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    onRejection(`nobody has handled ${event.reason}`);
  };
  globalThis.addEventListener("unhandledrejection", listener);
  return {
    [Symbol.dispose]: () => globalThis.removeEventListener("unhandledrejection", listener),
  };
}
