/** What `--boot` may say; apart, so that the list of verbs stays light. */
import { UsageError } from './failure.ts';

export const BOOT_WAYS = ['container', 'qemu'] as const;
/** True: whatever the formats of the image allow. */
export type Boot = (typeof BOOT_WAYS)[number] | true;

export function parseBoot(text: string): Boot {
  const way = BOOT_WAYS.find((known) => known === text);
  if (way) return way;
  throw new UsageError(
    `expected container or qemu, found ${text}; write elements before it, or --boot=container`,
  );
}
