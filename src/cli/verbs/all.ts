import type { Verb } from '../verb.ts';
import { imageVerbs } from './images.ts';
import { nodeVerbs } from './nodes.ts';
import { configurationVerbs, providerVerbs } from './providers.ts';
import { requestVerbs } from './requests.ts';

/** In the order of the help. */
export const allVerbs: readonly Verb[] = [
  ...nodeVerbs,
  ...requestVerbs,
  ...providerVerbs,
  ...imageVerbs,
  ...configurationVerbs,
];
