import type { Change } from '../store/store.ts';

/** Ids by key; under each key in the order in which they got it. */
export interface Index<T> {
  apply(change: Change<T>): void;
  get(key: string): ReadonlySet<string>;
}

const NO_IDS: ReadonlySet<string> = new Set();

/** An index over records that may stand under several keys, fed with a view's changes. */
export function createIndex<T>(keysOf: (value: T) => readonly string[]): Index<T> {
  const sets = new Map<string, Set<string>>();
  return {
    apply({ id, entry, previous }) {
      const before = previous ? keysOf(previous.value) : [];
      const now = entry ? keysOf(entry.value) : [];
      for (const key of before) if (!now.includes(key)) removeFrom(sets, key, id);
      for (const key of now) addTo(sets, key, id);
    },
    get: (key) => sets.get(key) ?? NO_IDS,
  };
}

function addTo(sets: Map<string, Set<string>>, key: string, id: string): void {
  const set = sets.get(key);
  if (set) set.add(id);
  else sets.set(key, new Set([id]));
}

function removeFrom(sets: Map<string, Set<string>>, key: string, id: string): void {
  const set = sets.get(key);
  set?.delete(id);
  if (set?.size === 0) sets.delete(key);
}
