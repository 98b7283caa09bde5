import type { ZooKeeperClient } from '../client.ts';
import { nameOf, parentOf } from '../paths.ts';
import type { Step } from './ordered-queue.ts';

/** Reads whose results are not applied yet, by path. */
export class PendingReads {
  readonly #steps = new Map<string, Set<Step>>();
  readonly #listings = new Map<string, Set<Set<string>>>();
  readonly #unsent = new Set<string>();
  /** As of what write those are unsent. */
  #writes = 0;
  readonly #client: Pick<ZooKeeperClient, 'writes'>;

  constructor(client: Pick<ZooKeeperClient, 'writes'>) {
    this.#client = client;
  }

  add(path: string, step: Step): void {
    const steps = this.#steps.get(path);
    if (steps) steps.add(step);
    else this.#steps.set(path, new Set([step]));
  }

  delete(path: string, step: Step): void {
    const steps = this.#steps.get(path);
    if (steps?.delete(step) && steps.size === 0) this.#steps.delete(path);
  }

  /** The path has been deleted, or deleted and created again: what was asked before is of no use. */
  voidAll(path: string): void {
    for (const step of this.#steps.get(path) ?? []) step.isVoid = true;
    this.#steps.delete(path);
    this.#unsent.delete(path);
    for (const deleted of this.#listings.get(parentOf(path)) ?? []) deleted.add(nameOf(path));
  }

  /**
   * A listing is being asked for. Returns the names that are deleted until it is applied: where it has such a name, the
   * child has been created anew, and differs from the one known before.
   */
  beginListing(path: string): Set<string> {
    const deleted = new Set<string>();
    const listings = this.#listings.get(path);
    if (listings) listings.add(deleted);
    else this.#listings.set(path, new Set([deleted]));
    return deleted;
  }

  endListing(path: string, deleted: Set<string>): void {
    const listings = this.#listings.get(path);
    if (listings?.delete(deleted) && listings.size === 0) this.#listings.delete(path);
  }

  /** A read that is asked for but has not left shows whatever has been told by now. */
  isUnsent(path: string): boolean {
    return this.#unsentNow().has(path);
  }

  markUnsent(path: string): void {
    this.#unsentNow().add(path);
  }

  #unsentNow(): Set<string> {
    const { writes } = this.#client;
    if (this.#writes !== writes) this.#unsent.clear();
    this.#writes = writes;
    return this.#unsent;
  }
}
