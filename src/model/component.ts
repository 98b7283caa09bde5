import { makeBlank, makeCodec, type Fields, type WithUnknown } from './codec.ts';
import { readStrings } from './read.ts';

export type ComponentKind = 'launcher' | 'pool' | 'builder';
export type ComponentState = 'initializing' | 'running' | 'paused' | 'stopped';

/** Who is alive. Ephemeral: it vanishes with the process that wrote it. */
export interface Component extends WithUnknown {
  kind: ComponentKind;
  hostname: string;
  state: ComponentState;
  modelApi: number;
  version: string;
  /** Pools: the launcher id, as it appears in a request's `declined_by`. */
  launcherId: string | null;
  poolName: string | null;
  providerName: string | null;
  supportedLabels: string[];
  /** Pools: lower wins. */
  priority: number;
  /** Pools: true while a request waits for room. */
  paused: boolean;
}

const FIELDS: Fields<Component> = {
  hostname: { key: 'hostname', absent: '' },
  launcherId: { key: 'id', absent: null },
  kind: { key: 'kind', absent: 'launcher' },
  modelApi: { key: 'model_api', absent: 0 },
  poolName: { key: 'name', absent: null },
  paused: { key: 'paused', absent: false },
  priority: { key: 'priority', absent: 100 },
  providerName: { key: 'provider_name', absent: null },
  state: { key: 'state', absent: 'stopped' },
  supportedLabels: { key: 'supported_labels', absent: () => [], read: readStrings },
  version: { key: 'version', absent: '' },
};

export const componentCodec = makeCodec(FIELDS);
const blank = makeBlank(FIELDS);

export function makeComponent(given: Partial<Component>): Component {
  return { ...blank(), ...given };
}
