/** Numbers from repeated measurements. */

/** `quantile([…], 0.95)`; NaN of nothing. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const place = (sorted.length - 1) * share;
  const low = sorted[Math.floor(place)] ?? NaN;
  const high = sorted[Math.ceil(place)] ?? NaN;
  return low + (high - low) * (place - Math.floor(place));
}

/** For counters too coarse for single samples. */
export const mean = (samples: readonly number[]): number =>
  samples.reduce((sum, sample) => sum + sample, 0) / samples.length;

export const median = (samples: readonly number[]): number => quantile(samples, 0.5);

export async function timeMs(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/** Runs every variant once, then all again: what the machine does besides hits all of them alike. */
export async function interleave(
  rounds: number,
  variants: readonly ((round: number) => Promise<void>)[],
): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    for (const variant of variants) await variant(round);
  }
}
