import { openEmbeddedStore } from '../../../src/store/embedded.ts';
import type { Store } from '../../../src/store/store.ts';
import { silentLogger } from '../../../src/log.ts';

/** Where a store lives, in a form that can be handed to another process. A second implementation adds its own kind. */
export type Place = { kind: 'embedded'; dir: string; logSlots?: number };

export function openPlace(place: Place): Promise<Store> {
  const { dir, logSlots } = place;
  return openEmbeddedStore({ dir, log: silentLogger, ...(logSlots === undefined ? {} : { logSlots }) });
}
