import { isDeepStrictEqual } from 'node:util';
import type { ProviderConfig } from './config.ts';

/** Whether a reload left the provider as it was, so that the running one can go on. */
export function sameProvider(a: ProviderConfig, b: ProviderConfig): boolean {
  return isDeepStrictEqual(a, b);
}
