/**
 * Keeps the application's listeners from doing harm: one that throws in the middle of a commit would take
 * the place of its outcome, and one that throws where nobody waits would end the process. Its failure goes
 * to the console instead, also that of a listener which is asynchronous.
 *
 * @module
 */

import type { FullOptions } from "./options.ts";

/**
 * Guards the listeners.
 *
 * @param options The coordinator's options.
 * @returns The same with listeners that never throw.
 */
export function guardListeners(options: FullOptions): FullOptions {
  return {
    ...options,
    onEvent: guard("onEvent", options.onEvent),
    onInDoubt: guard("onInDoubt", options.onInDoubt),
    onProtocolPoint: guard("onProtocolPoint", options.onProtocolPoint),
  };
}

function guard<Words extends unknown[]>(
  name: string,
  listener: (...words: Words) => unknown,
): (...words: Words) => void {
  const tell = (error: unknown) => console.error(`indoubt: ${name} failed`, error);
  return (...words) => {
    try {
      const answer = listener(...words);
      if (answer instanceof Promise) answer.catch(tell);
    } catch (error) {
      tell(error);
    }
  };
}
