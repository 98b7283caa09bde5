import { hostname } from 'node:os';
import { NotFoundError, reasonOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import { makeComponent, type Component } from '../model/component.ts';
import type { Store } from '../store/store.ts';

/** This process's entries in the list of who is alive. Each is ephemeral. */
export interface Registry {
  /** Registers, or changes what is registered; the last wish counts. */
  put(key: string, component: Partial<Component>): void;
  remove(key: string): void;
  /** Resolves when everything that was asked for is written. */
  settled(): Promise<void>;
  /** The session is new: registers everything again. */
  registerAgain(): void;
}

export function createRegistry(store: Store, deps: { log: Logger; version: string }): Registry {
  const wanted = new Map<string, Component>();
  const ids = new Map<string, string>();
  let writing: Promise<void> = Promise.resolve();

  /** One after another, so that a record is never created twice. */
  const sync = (key: string) => {
    writing = writing
      .then(() => write(key))
      .catch((error: unknown) => {
        deps.log.warning('cannot write the component registry', { component: key, error: reasonOf(error) });
      });
  };
  const write = async (key: string) => {
    const component = wanted.get(key);
    const id = ids.get(key);
    if (component && id !== undefined) {
      try {
        await store.components.update(id, () => component);
        return;
      } catch (error) {
        if (!(error instanceof NotFoundError)) throw error;
      }
    }
    if (component) {
      const entry = await store.components.create(component, {
        prefix: `${component.kind}/${hostname()}`,
        ephemeral: true,
      });
      ids.set(key, entry.id);
    } else if (id !== undefined) {
      ids.delete(key);
      await store.components.remove(id);
    }
  };

  return {
    put(key, component) {
      const before = wanted.get(key);
      const next = makeComponent({ hostname: hostname(), version: deps.version, ...before, ...component });
      if (before && JSON.stringify(before) === JSON.stringify(next)) return;
      wanted.set(key, next);
      sync(key);
    },
    remove(key) {
      if (wanted.delete(key)) sync(key);
    },
    settled: () => writing,
    registerAgain() {
      ids.clear();
      for (const key of wanted.keys()) sync(key);
    },
  };
}
