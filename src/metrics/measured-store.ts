import type { Collection, Store } from '../store/store.ts';
import { boundCopy } from './bound-copy.ts';

/** Operations of a collection that wait for the store. */
const TIMED = ['get', 'list', 'create', 'createLocked', 'update', 'remove', 'removeUnchanged'] as const;
const COLLECTIONS = [
  'nodes',
  'requests',
  'components',
  'pools',
  'decisions',
  'drains',
  'builds',
  'uploads',
  'buildRequests',
  'imagePauses',
] as const;

/** Hears how long an operation took, whether it succeeded or not. Waiting for a lock is no operation. */
export type ObserveOperation = (operation: string, seconds: number) => void;

/** The same store, whose operations are timed. */
export function measuredStore(store: Store, observe: ObserveOperation): Store {
  const copy = boundCopy(store);
  for (const name of COLLECTIONS) {
    const value = measuredCollection(store[name] as Collection<unknown>, observe);
    Object.defineProperty(copy, name, { value, enumerable: true });
  }
  return copy;
}

function measuredCollection<T>(collection: Collection<T>, observe: ObserveOperation): Collection<T> {
  const measured = TIMED.map((name) => {
    const operate = collection[name].bind(collection) as (...given: unknown[]) => Promise<unknown>;
    const timed = (...given: unknown[]) => {
      const startedMs = performance.now();
      const done = operate(...given);
      const tell = () => observe(name, (performance.now() - startedMs) / 1000);
      done.then(tell, tell);
      return done;
    };
    return [name, timed] as const;
  });
  return Object.assign(boundCopy(collection), Object.fromEntries(measured));
}
