import { makeCodec, type Fields, type WithUnknown } from './codec.ts';

/** An operator's wish: no new nodes in a provider, or in one of its pools. Stays until it is removed. */
export interface Drain extends WithUnknown {
  provider: string;
  /** null: all pools of the provider. */
  pool: string | null;
  createdTimeS: number;
}

const FIELDS: Fields<Drain> = {
  provider: { key: 'provider', absent: '' },
  pool: { key: 'pool', absent: null },
  createdTimeS: { key: 'created_time', absent: 0 },
};

export const drainCodec = makeCodec(FIELDS);

/** The record's id; slashes and other odd characters of names are escaped. */
export function drainId(provider: string, pool: string | null): string {
  return pool === null
    ? encodeURIComponent(provider)
    : `${encodeURIComponent(provider)}~${encodeURIComponent(pool)}`;
}
