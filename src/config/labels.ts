/** Top-level labels and tenant limits, and who uses which label. */
import type { Resources } from '../model/resources.ts';
import type { Label } from './config.ts';
import { asList, asMapping, mappingsOf } from './plain.ts';
import type { Report } from './validate.ts';
import { didYouMean, quote, type Path } from './words.ts';

/** From checked sections. */
export function buildLabels(section: unknown): Map<string, Label> {
  return new Map(
    mappingsOf(section).map(([, label]) => {
      const name = label.name as string;
      const minReady = Math.max(0, (label['min-ready'] as number | undefined) ?? 0);
      return [name, { name, minReady, maxReadyAgeS: positive(label['max-ready-age']) }];
    }),
  );
}

const TENANT_RESOURCES: Readonly<Record<string, string>> = {
  'max-servers': 'instances',
  'max-cores': 'cores',
  'max-ram': 'ram',
  'max-volumes': 'volumes',
  'max-volume-gb': 'volume-gb',
};

/** The limits in a section, under the names that resources have everywhere; unknown keys are resources already. */
export function readLimits(
  section: Readonly<Record<string, unknown>>,
  ignored: ReadonlySet<string>,
): Resources {
  const limits: Record<string, number> = {};
  for (const [key, amount] of Object.entries(section)) {
    if (ignored.has(key) || key.startsWith('x-') || typeof amount !== 'number') continue;
    limits[TENANT_RESOURCES[key] ?? key] = Math.max(0, amount);
  }
  return limits;
}

export function buildTenantLimits(section: unknown): Map<string, Resources> {
  const notLimits = new Set(['tenant-name']);
  return new Map(
    mappingsOf(section).map(([, tenant]) => [tenant['tenant-name'] as string, readLimits(tenant, notLimits)]),
  );
}

/** Seconds above 0, or undefined for "no limit". */
export function positive(value: unknown): number | undefined {
  return typeof value === 'number' && value > 0 ? value : undefined;
}

/** A second entry of a list with a name that an earlier one has. */
export function reportRepeatedNames(section: unknown, path: Path, key: string, report: Report): void {
  const first = new Map<unknown, number>();
  for (const [index, item] of mappingsOf(section)) {
    const name = item[key];
    if (typeof name !== 'string') continue;
    const earlier = first.get(name);
    if (earlier === undefined) first.set(name, index);
    else
      report(
        [...path, index, key],
        'a name that is used once',
        `${quote(name)}, as entry ${earlier + 1} has it`,
      );
  }
}

export interface LabelUse {
  name: string;
  path: Path;
}

/** Labels of a pool: those in `labels`, and those of machines listed in `nodes` (one, several by blanks, or a list). */
export function labelsUsedIn(pool: Readonly<Record<string, unknown>>, path: Path): LabelUse[] {
  const uses: LabelUse[] = [];
  for (const [index, label] of mappingsOf(pool.labels)) {
    if (typeof label.name === 'string')
      uses.push({ name: label.name, path: [...path, 'labels', index, 'name'] });
  }
  for (const [index, node] of mappingsOf(pool.nodes)) {
    const where: Path = [...path, 'nodes', index, 'labels'];
    if (typeof node.labels === 'string') {
      for (const name of node.labels.split(/\s+/).filter(Boolean)) uses.push({ name, path: where });
    }
    for (const [position, name] of asList(node.labels).entries()) {
      if (typeof name === 'string') uses.push({ name, path: [...where, position] });
    }
  }
  return uses;
}

/** Labels that pools use must be declared at the top level. Answers the declared ones that nothing uses. */
export function checkLabelUse(main: Readonly<Record<string, unknown>>, report: Report): LabelUse[] {
  const declared = new Map<string, Path>();
  for (const [index, label] of mappingsOf(main.labels)) {
    if (typeof label.name === 'string') declared.set(label.name, ['labels', index, 'name']);
  }
  const unused = new Map(declared);
  for (const [index, provider] of mappingsOf(main.providers)) {
    for (const [position, pool] of mappingsOf(asMapping(provider)?.pools)) {
      for (const { name, path } of labelsUsedIn(pool, ['providers', index, 'pools', position])) {
        unused.delete(name);
        if (declared.has(name)) continue;
        const found = `${quote(name)}${didYouMean(name, declared.keys())}`;
        report(path, 'a label declared in the top-level "labels"', found);
      }
    }
  }
  return [...unused].map(([name, path]) => ({ name, path }));
}
