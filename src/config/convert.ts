/** From YAML nodes to plain values: aliases, merge keys (`<<`) and repeated keys. */
import {
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  type Alias,
  type Node,
  type Pair,
  type YAMLMap,
} from 'yaml';
import type { Problem } from '../errors.ts';
import type { Place, Trail } from './document.ts';
import { insertedIn, type Source } from './source.ts';
import { formatPath, kindOf, quote, type Path } from './words.ts';

export interface Converted {
  value: unknown;
  problems: readonly Problem[];
  broken: ReadonlySet<string>;
  /** What lies along a path, the root first. */
  find(path: Path): Trail;
}

/** Enough for any real file, and an end to files that multiply themselves through aliases. */
const MAX_VALUES = 500_000;

interface Work {
  source: Source;
  problems: Problem[];
  /** Mistakes already told: what an alias repeats is wrong in one place only. */
  told: Set<string>;
  /** Paths of aliases that lead nowhere. */
  broken: Set<string>;
  anchors: Map<string, Node>;
  aliases: Map<Alias, Node>;
  /** Nodes being converted now: an alias to one of them is a loop. */
  active: Set<Node>;
  values: number;
}

export function convert(root: Node | null, source: Source): Converted {
  const work: Work = {
    source,
    problems: [],
    told: new Set(),
    broken: new Set(),
    anchors: new Map(),
    aliases: new Map(),
    active: new Set(),
    values: 0,
  };
  const whole = toPlain(root, [], work);
  const value = work.values > MAX_VALUES ? undefined : whole;
  return { value, problems: work.problems, broken: work.broken, find: (path) => findTrail(root, path, work) };
}

function toPlain(node: unknown, path: Path, work: Work): unknown {
  if (++work.values > MAX_VALUES) {
    if (work.values === MAX_VALUES + 1)
      complain(work, node as Node, path, 'a file of sane size', 'aliases that multiply');
    return null;
  }
  if (isAlias(node)) return toPlain(resolveAlias(node, path, work), path, work);
  if (isScalar(node)) {
    if (node.anchor) work.anchors.set(node.anchor, node);
    return node.value;
  }
  if (!isMap(node) && !isSeq(node)) return null;
  if (node.anchor) work.anchors.set(node.anchor, node);
  work.active.add(node);
  const value = isMap(node)
    ? mapToPlain(node, path, work)
    : node.items.map((item, index) => toPlain(item, [...path, index], work));
  work.active.delete(node);
  return value;
}

function mapToPlain(map: YAMLMap, path: Path, work: Work): Record<string, unknown> {
  const own = new Map<string, Pair>();
  const value: Record<string, unknown> = {};
  for (const pair of map.items) {
    if (isMerge(pair)) {
      for (const [key, merged] of mergedEntries(pair, path, work))
        if (!Object.hasOwn(value, key)) put(value, key, merged);
      continue;
    }
    const key = keyOf(pair, path, work);
    if (key === undefined) continue;
    const first = own.get(key);
    if (first) complainOfRepeat(work, pair, first, [...path, key]);
    else own.set(key, pair);
    const plain = toPlain(pair.value, [...path, key], work);
    if (!first) put(value, key, plain);
  }
  return value;
}

/** Keys of the mapping behind `<<`, or of several in a list, the first one winning. */
function mergedEntries(pair: Pair, path: Path, work: Work): [string, unknown][] {
  const entries: [string, unknown][] = [];
  const targets = isSeq(pair.value) ? pair.value.items : [pair.value];
  for (const target of targets) {
    const node = isAlias(target) ? resolveAlias(target, path, work) : target;
    if (node === undefined) continue;
    if (isMap(node)) entries.push(...Object.entries(toPlain(node, path, work) as object));
    else
      complain(
        work,
        pair.key as Node,
        path,
        'a mapping, or a list of mappings, after "<<"',
        isScalar(node) ? kindOf(node.value) : 'a list',
      );
  }
  return entries;
}

function resolveAlias(alias: Alias, path: Path, work: Work): Node | undefined {
  const target = work.anchors.get(alias.source);
  // What follows "*" may be an unquoted password.
  const [start, end] = alias.range ?? [0, 0];
  const secret = work.source.secret || insertedIn(work.source, start, end) !== undefined;
  const name = secret ? 'an alias' : `the alias "*${alias.source}"`;
  if (!target) {
    complain(
      work,
      alias,
      path,
      'an alias of an anchor further up (quote text that starts with "*")',
      `${name} of nothing`,
    );
  } else if (work.active.has(target)) {
    complain(work, alias, path, 'a value with an end', `${name} inside its own anchor`);
  } else {
    work.aliases.set(alias, target);
    return target;
  }
  work.broken.add(formatPath(path));
  return undefined;
}

function isMerge({ key }: Pair): boolean {
  return isScalar(key) && key.type === 'PLAIN' && key.source === '<<';
}

/** Keys are what the file says, also where YAML reads `on` or `8005` as something else. */
function keyOf(pair: Pair, path: Path, work: Work): string | undefined {
  const key = isAlias(pair.key) ? resolveAlias(pair.key, path, work) : pair.key;
  if (isScalar(key)) {
    if (key.anchor) work.anchors.set(key.anchor, key);
    return key.source ?? String(key.value);
  }
  if (key !== undefined)
    complain(work, key as Node | null, path, 'a simple key', 'a list or mapping as a key');
  return undefined;
}

function put(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') Object.defineProperty(target, key, { value, enumerable: true, writable: true });
  else target[key] = value;
}

function complainOfRepeat(work: Work, pair: Pair, first: Pair, path: Path): void {
  const firstLine = work.source.lineAt((first.key as Node).range?.[0] ?? 0);
  const found = `${quote(String(path.at(-1)))} again (first on line ${firstLine})`;
  complain(work, pair.key as Node, path, 'each key once', found);
}

function complain(work: Work, node: Node | null, path: Path, expected: string, found: string): void {
  const offset = node?.range?.[0] ?? 0;
  const mistake = `${offset} ${expected}`;
  if (work.told.has(mistake)) return;
  work.told.add(mistake);
  const line = work.source.lineAt(offset);
  work.problems.push({ file: work.source.file, line, path: formatPath(path), expected, found });
}

function findTrail(root: Node | null, path: Path, work: Work): Trail {
  const trail: Place[] = [{ node: root }];
  for (const step of path) {
    const next = child(trail.at(-1)?.node ?? null, step, work);
    if (!next) break;
    trail.push(next);
  }
  return trail;
}

function child(parent: Node | null, step: string | number, work: Work): Place | undefined {
  if (isSeq(parent)) {
    const item = typeof step === 'number' ? (parent.items[step] as Node | undefined) : undefined;
    return item && { node: follow(item, work), written: item };
  }
  if (!isMap(parent)) return undefined;
  const own = parent.items.find(
    (pair) => isPair(pair) && !isMerge(pair) && sourceOf(pair.key, work) === String(step),
  );
  if (own) return { key: own.key as Node, node: follow(own.value as Node | null, work) };
  for (const pair of parent.items.filter(isMerge)) {
    for (const target of isSeq(pair.value) ? pair.value.items : [pair.value]) {
      const found = child(follow(target as Node, work), step, work);
      if (found) return found;
    }
  }
  return undefined;
}

function sourceOf(key: unknown, work: Work): string | undefined {
  const node = isAlias(key) ? work.aliases.get(key) : key;
  return isScalar(node) ? (node.source ?? String(node.value)) : undefined;
}

function follow(node: Node | null, work: Work): Node | null {
  return isAlias(node) ? (work.aliases.get(node) ?? null) : node;
}
