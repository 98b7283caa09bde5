/** Counts the launches and deletions that run, so that closing a provider can wait for them. */
export interface InFlight {
  track<T>(work: () => Promise<T>): Promise<T>;
  /** Resolves when nothing runs any more, or when the signal ends the waiting. */
  idle(signal: AbortSignal): Promise<void>;
}

export function createInFlight(): InFlight {
  let running = 0;
  const waiting = new Set<() => void>();

  return {
    async track(work) {
      running += 1;
      try {
        return await work();
      } finally {
        running -= 1;
        if (running === 0) for (const wake of waiting) wake();
      }
    },

    idle(signal) {
      if (running === 0 || signal.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        const wake = () => {
          waiting.delete(wake);
          signal.removeEventListener('abort', wake);
          resolve();
        };
        waiting.add(wake);
        signal.addEventListener('abort', wake, { once: true });
      });
    },
  };
}
