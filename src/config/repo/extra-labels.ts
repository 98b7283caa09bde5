/** `extra-labels`: labels for a pool of a provider that stands in another file. */
import { asMapping, mappingsOf } from '../plain.ts';
import { didYouMean, quote, type Path } from '../words.ts';
import type { Origin } from './merged-document.ts';
import { report, type Entry, type Findings } from './findings.ts';

/** What was put into a provider from elsewhere: where in it, and where it stands. */
export interface Added {
  inside: Path;
  origin: Origin;
}

const KEYS = ['provider', 'pool', 'labels', 'cloud-images'];

/** Puts the labels and cloud images of every entry into its provider, in place. */
export function addExtraLabels(
  providers: readonly Entry[],
  extras: readonly Entry[],
  findings: Findings,
): Map<Entry, Added[]> {
  const added = new Map<Entry, Added[]>();
  for (const extra of extras) {
    if (!isSound(extra, findings)) continue;
    const target = findTarget(extra, providers, findings);
    if (!target) continue;
    const list = added.get(target.entry) ?? [];
    added.set(target.entry, list);
    const poolPath: Path = ['pools', target.poolIndex];
    append(target.pool, 'labels', extra, poolPath, list);
    append(target.entry.value as Record<string, unknown>, 'cloud-images', extra, [], list);
  }
  return added;
}

function isSound(extra: Entry, findings: Findings): boolean {
  const section = extra.value as Record<string, unknown>;
  const before = findings.problems.length;
  for (const key of ['provider', 'pool', 'labels']) {
    if (section[key] !== undefined) continue;
    report(findings, extra.document, extra.path, `the key ${quote(key)}`, 'no such key');
  }
  for (const [key, value] of Object.entries(section)) {
    const path = [...extra.path, key];
    if (!KEYS.includes(key)) {
      const found = `the unknown key ${quote(key)}${didYouMean(key, KEYS)}`;
      report(findings, extra.document, path, `one of the known keys: ${KEYS.join(', ')}`, found);
    } else if (key === 'provider' || key === 'pool') {
      if (typeof value !== 'string') report(findings, extra.document, path, 'a string');
    } else if (!Array.isArray(value)) report(findings, extra.document, path, 'a list');
  }
  return findings.problems.length === before;
}

function findTarget(
  extra: Entry,
  providers: readonly Entry[],
  findings: Findings,
): { entry: Entry; pool: Record<string, unknown>; poolIndex: number } | undefined {
  const { provider, pool } = extra.value as { provider: string; pool: string };
  const named = providers.filter(({ value }) => asMapping(value)?.name === provider);
  for (const entry of named) {
    for (const [poolIndex, candidate] of mappingsOf(asMapping(entry.value)?.pools)) {
      if (candidate.name === pool) return { entry, pool: candidate, poolIndex };
    }
  }
  const section = named[0] ? 'pool' : 'provider';
  const known = named[0]
    ? mappingsOf(asMapping(named[0].value)?.pools).map(([, each]) => each.name)
    : namesOf(providers);
  const wanted = section === 'pool' ? pool : provider;
  const hint = didYouMean(
    wanted,
    known.filter((name) => typeof name === 'string'),
  );
  const expected = section === 'pool' ? `a pool of provider ${quote(provider)}` : 'the name of a provider';
  report(findings, extra.document, [...extra.path, section], expected, `${quote(wanted)}${hint}`);
  return undefined;
}

function namesOf(entries: readonly Entry[]): unknown[] {
  return entries.map(({ value }) => asMapping(value)?.name);
}

function append(
  target: Record<string, unknown>,
  key: 'labels' | 'cloud-images',
  extra: Entry,
  inside: Path,
  added: Added[],
): void {
  const items = (extra.value as Record<string, unknown>)[key] as unknown[] | undefined;
  if (!items) return;
  const list = Array.isArray(target[key]) ? (target[key] as unknown[]) : [];
  for (const [index, item] of items.entries()) {
    added.push({
      inside: [...inside, key, list.length],
      origin: { document: extra.document, path: [...extra.path, key, index] },
    });
    list.push(item);
  }
  target[key] = list;
}
