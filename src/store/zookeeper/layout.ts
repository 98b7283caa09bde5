/**
 * Which znode holds which record: the tree that Zuul and Nodepool share. A pattern has `{}` for each part of a record's
 * id, so the build `debian/0f3c…` of `/nodepool/images/{}/builds/{}` is `/nodepool/images/debian/builds/0f3c…`.
 *
 *   /nodepool/nodes/0000000017                a record; its data is the record's JSON
 *   /nodepool/nodes/0000000017/lock           the lock of a record: one child for each who holds or waits (kazoo's recipe)
 *   /nodepool/requests-lock/200-0000000003    the lock of a request, which is ephemeral and so cannot have children
 *   /nodepool/sf-nodepool/…                   what is ours alone; other programs do not look there
 */
import { LOCK } from '../ids.ts';
import type { MutexName } from '../store.ts';

export type Place =
  | { kind: 'above' }
  | { kind: 'record'; id: string }
  | { kind: 'lock'; id: string }
  | { kind: 'contender'; id: string }
  | { kind: 'elsewhere' };

const ABOVE: Place = { kind: 'above' };
const ELSEWHERE: Place = { kind: 'elsewhere' };

const PART = '{}';

export class Layout {
  readonly collection: string;
  /** The longest path that all records share. */
  readonly root: string;
  /** What follows the root: `{}` for parts of the id, names in between. */
  readonly rest: readonly string[];
  /** Where locks are when they are not below their records. */
  readonly lockRoot: string | undefined;
  /** What was asked last: every change of a znode asks several times in a row. */
  #last: { path: string; place: Place } = { path: '', place: ELSEWHERE };

  constructor(collection: string, pattern: string, { lockRoot }: { lockRoot?: string } = {}) {
    const names = pattern.split('/').slice(1);
    const firstPart = names.indexOf(PART);
    this.collection = collection;
    this.root = `/${names.slice(0, firstPart).join('/')}`;
    this.rest = names.slice(firstPart);
    this.lockRoot = lockRoot;
  }

  /** Also of the beginning of an id: `200-` → `/nodepool/requests/200-`, `` → `/nodepool/nodes/`. */
  recordPath(id: string): string {
    const parts = id.split('/');
    let used = 0;
    return `${this.root}/${this.rest.map((name) => (name === PART ? (parts[used++] ?? '') : name)).join('/')}`;
  }

  lockPath(id: string): string {
    return this.lockRoot === undefined ? `${this.recordPath(id)}/${LOCK}` : `${this.lockRoot}/${id}`;
  }

  /** The id of the record that a znode holds; undefined for every other path. */
  idOf(path: string): string | undefined {
    const place = this.placeOf(path);
    return place.kind === 'record' ? place.id : undefined;
  }

  /** What a znode at or below one of the roots is to this collection. */
  placeOf(path: string): Place {
    if (path !== this.#last.path) this.#last = { path, place: this.#find(path) };
    return this.#last.place;
  }

  #find(path: string): Place {
    if (path === this.root || path === this.lockRoot) return ABOVE;
    if (this.lockRoot !== undefined && path.startsWith(`${this.lockRoot}/`)) {
      const [id = '', ...below] = path.slice(this.lockRoot.length + 1).split('/');
      return lockPlace(id, below.length);
    }
    const names = path.slice(this.root.length + 1).split('/');
    const length = this.rest.length;
    let id = '';
    for (let index = 0; index < length; index++) {
      const [name, wanted] = [names[index], this.rest[index]];
      if (name === undefined) return ABOVE;
      if (wanted === PART ? name === LOCK : name !== wanted) return ELSEWHERE;
      if (wanted === PART) id = id === '' ? name : `${id}/${name}`;
    }
    if (names.length === length) return { kind: 'record', id };
    return names[length] === LOCK ? lockPlace(id, names.length - length - 1) : ELSEWHERE;
  }
}

/** `depth` below the directory of a lock: 0 is the directory, 1 somebody in it. */
function lockPlace(id: string, depth: number): Place {
  if (depth > 1) return ELSEWHERE;
  return { kind: depth === 0 ? 'lock' : 'contender', id };
}

export const layouts = {
  nodes: new Layout('nodes', '/nodepool/nodes/{}'),
  requests: new Layout('requests', '/nodepool/requests/{}', { lockRoot: '/nodepool/requests-lock' }),
  components: new Layout('components', '/nodepool/components/{}/{}'),
  pools: new Layout('pools', '/nodepool/sf-nodepool/pools/{}'),
  decisions: new Layout('decisions', '/nodepool/sf-nodepool/decisions/{}'),
  drains: new Layout('drains', '/nodepool/sf-nodepool/drains/{}'),
  builds: new Layout('builds', '/nodepool/images/{}/builds/{}'),
  uploads: new Layout('uploads', '/nodepool/images/{}/builds/{}/providers/{}/images/{}'),
  buildRequests: new Layout('buildRequests', '/nodepool/images/{}/request-build'),
  imagePauses: new Layout('imagePauses', '/nodepool/images/{}/pause'),
} as const;

/** The directory of a lock that belongs to no record: who builds an image, who uploads a build to a provider. */
export function mutexPath(name: MutexName): string {
  const image = `/nodepool/images/${name.image}/builds`;
  return name.kind === 'build'
    ? `${image}/${LOCK}`
    : `${image}/${name.build}/providers/${name.provider}/images/${LOCK}`;
}
