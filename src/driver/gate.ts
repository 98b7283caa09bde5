/** Lets a limited number of callers in at once; the others wait in the order in which they came. */
export interface Gate {
  /** Resolves with the function that gives the place back. Rejects with the signal's reason when aborted first. */
  enter(signal: AbortSignal): Promise<() => void>;
}

export function createGate(places: number): Gate {
  let free = places;
  const queue = new Set<() => void>();

  /** Hands the place to the next in line, so that a newcomer cannot overtake. */
  const leave = () => {
    const [next] = queue;
    if (next === undefined) free += 1;
    else next();
  };

  return {
    enter(signal) {
      if (signal.aborted) return Promise.reject(signal.reason as Error);
      if (free > 0) {
        free -= 1;
        return Promise.resolve(once(leave));
      }
      return new Promise((resolve, reject) => {
        const admit = () => {
          queue.delete(admit);
          signal.removeEventListener('abort', giveUp);
          resolve(once(leave));
        };
        const giveUp = () => {
          queue.delete(admit);
          reject(signal.reason as Error);
        };
        queue.add(admit);
        signal.addEventListener('abort', giveUp, { once: true });
      });
    },
  };
}

function once(call: () => void): () => void {
  let called = false;
  return () => {
    if (!called) call();
    called = true;
  };
}
