/** What has to be undone at the end, however the end comes. */

const steps: { what: string; undo: () => Promise<void> | void }[] = [];
let running: Promise<void> | undefined;
let interrupted = false;

/**
 * Undone in the opposite order, each step even when another one failed. Returns a function that does it now. */
export function atEnd(what: string, undo: () => Promise<void> | void): () => Promise<void> {
  if (interrupted) throw new Error('interrupted');
  const step = { what, undo };
  steps.push(step);
  return async () => {
    const place = steps.indexOf(step);
    if (place < 0) return;
    steps.splice(place, 1);
    await undo();
  };
}

export function cleanUp(): Promise<void> {
  return (running ??= undoAll().finally(() => (running = undefined)));
}

async function undoAll(): Promise<void> {
  for (let step = steps.pop(); step; step = steps.pop()) {
    try {
      await step.undo();
    } catch (error) {
      process.stderr.write(`bench: cannot clean up (${step.what}): ${(error as Error).message}\n`);
    }
  }
}

/** Ctrl-C and the like clean up too; a second one ends at once and says what may be left. */
export function cleanUpOnSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (interrupted) {
        process.stderr.write(`bench: left behind: ${steps.map(({ what }) => what).join(', ')}\n`);
        process.exit(130);
      }
      interrupted = true;
      process.stderr.write('\nbench: cleaning up\n');
      void cleanUp().then(() => process.exit(130));
    });
  }
}
