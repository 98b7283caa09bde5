import { StoreError } from '../errors.ts';

/**
 * How many parts, with a slash between them, an id has, where it is more than one: `<kind>/<host><number>`,
 * `<image>/<build>`, `<image>/<build>/<provider>/<number>`.
 */
const PARTS: Readonly<Record<string, number>> = { components: 2, builds: 2, uploads: 4 };

/** Name of the directory of a lock in ZooKeeper: a part of an id of that name would be taken for it. */
export const LOCK = 'lock';

/** Ids become parts of the embedded store's keys, and of paths in ZooKeeper. */
export function isId(collection: string, id: string, count = partsOf(collection)): boolean {
  const parts = id.split('/');
  return parts.length === count && parts.every(isName);
}

/** Throws StoreError unless it can be the id of a record. */
export function checkId(collection: string, id: string, count = partsOf(collection)): void {
  if (isId(collection, id, count)) return;
  const parts = count === 1 ? '' : `${count} parts with a slash between them, each `;
  const wanted = `expected ${parts}1 to 255 characters, no slash, no control character, not "${LOCK}"`;
  throw new StoreError(`${JSON.stringify(id.slice(0, 300))} cannot be an id in ${collection}: ${wanted}`);
}

function partsOf(collection: string): number {
  return PARTS[collection] ?? 1;
}

function isName(name: string): boolean {
  // eslint-disable-next-line no-control-regex
  return !['', '.', '..', LOCK].includes(name) && name.length <= 255 && !/[\u0000-\u001f\u007f]/.test(name);
}
