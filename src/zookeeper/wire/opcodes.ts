import type { WatchEventType } from '../types.ts';

/** Numbers of the wire protocol (org.apache.zookeeper.ZooDefs.OpCode and ClientCnxn). */
export const OpCode = {
  create: 1,
  delete: 2,
  exists: 3,
  getData: 4,
  setData: 5,
  getAcl: 6,
  setAcl: 7,
  getChildren: 8,
  sync: 9,
  ping: 11,
  getChildren2: 12,
  check: 13,
  multi: 14,
  create2: 15,
  removeWatches: 18,
  createContainer: 19,
  createTtl: 21,
  auth: 100,
  setWatches: 101,
  setWatches2: 105,
  addWatch: 106,
  closeSession: -11,
  error: -1,
} as const;

/** Request numbers with a fixed meaning; those of ordinary requests are positive. */
export const SpecialXid = { notification: -1, ping: -2, auth: -4, setWatches: -8 } as const;

/** Modes of `addWatch`. */
export const AddWatchMode = { persistent: 0, persistentRecursive: 1 } as const;

/** Watches that `removeWatches` removes: those on children, on data, or all. */
export const WatcherType = { children: 1, data: 2, any: 3 } as const;

/** Kinds of events (Watcher.Event.EventType). Those above 4 only confirm that a watch was removed. */
export const eventTypes: Record<number, WatchEventType> = {
  1: 'created',
  2: 'deleted',
  3: 'changed',
  4: 'children',
};
