import { NotFoundError } from '../errors.ts';
import { boundCopy } from '../metrics/bound-copy.ts';
import type { Node } from '../model/node.ts';
import type { NodeRequest } from '../model/request.ts';
import type { Collection, Held, Store } from '../store/store.ts';

/** Hears what this process does with records of one kind. */
export interface RecordObserver<T> {
  created(id: string, value: T): void;
  locked(id: string, value: T): void;
  /** Stored. */
  written(id: string, before: T, after: T): void;
  /** The record is gone, or a lock that was held on it. */
  lost(id: string): void;
  /** By this process. */
  removed(id: string): void;
}

/** The same store; the observers hear what is done to nodes and requests through it. */
export function observedStore(
  store: Store,
  observers: { nodes: RecordObserver<Node>; requests: RecordObserver<NodeRequest> },
): Store {
  const copy = boundCopy(store);
  const nodes = observedCollection(store.nodes, observers.nodes);
  const requests = observedCollection(store.requests, observers.requests);
  Object.defineProperty(copy, 'nodes', { value: nodes, enumerable: true });
  Object.defineProperty(copy, 'requests', { value: requests, enumerable: true });
  return copy;
}

function observedCollection<T>(collection: Collection<T>, observer: RecordObserver<T>): Collection<T> {
  const followLock = (held: Held<T>) => {
    const { id } = held.entry;
    held.lost.addEventListener('abort', () => observer.lost(id), { once: true });
    return held;
  };
  const operations: Pick<Collection<T>, 'createLocked' | 'lock' | 'update' | 'remove'> = {
    async createLocked(value, options) {
      const held = await collection.createLocked(value, options);
      observer.created(held.entry.id, held.entry.value);
      return followLock(held);
    },
    async lock(id, options) {
      const held = await collection.lock(id, options);
      if (!held) return undefined;
      observer.locked(id, held.entry.value);
      return followLock(held);
    },
    update(target, change) {
      const id = typeof target === 'string' ? target : target.id;
      let before: T | undefined;
      let after: T | undefined;
      const done = collection.update(target, (value) => {
        before = value;
        return (after = change(value));
      });
      done.then(
        () => before && after && observer.written(id, before, after),
        (error: unknown) => error instanceof NotFoundError && observer.lost(id),
      );
      return done;
    },
    remove(id) {
      const done = collection.remove(id);
      done.then(
        () => observer.removed(id),
        () => undefined,
      );
      return done;
    },
  };
  return Object.assign(boundCopy(collection), operations);
}
