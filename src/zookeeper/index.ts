/** A ZooKeeper client. Uses nothing but Node.js itself. See the guide for examples. */
export {
  type AddWatchOptions,
  type CreateOptions,
  type ReadOptions,
  type VersionOptions,
  ZooKeeperClient,
} from './client.ts';
export { connect } from './connect.ts';
export * from './errors.ts';
export type { TlsOptions } from './net/tls.ts';
export type { ClientOptions, Credential } from './options.ts';
export { isWithin, joinPath, nameOf, parentOf } from './paths.ts';
export { sortContenders } from './recipes/contender.ts';
export { type ElectionOptions, runElection } from './recipes/election.ts';
export type { HeldLock } from './recipes/held-lock.ts';
export { acquireLock, listContenders, type LockOptions } from './recipes/lock.ts';
export { OrderedQueue } from './recipes/ordered-queue.ts';
export type { TreeChange, TreeNode } from './recipes/tree.ts';
export { openTreeCache } from './recipes/open-tree-cache.ts';
export type { TreeCache } from './recipes/tree-cache.ts';
export type { Interest, TreeCacheOptions } from './recipes/tree-cache-options.ts';
export { type Ensemble, formatServer, parseServers, type Server } from './servers.ts';
export * from './types.ts';
export type { Created, Operation, OperationResult, TransactionResult } from './wire/multi.ts';
