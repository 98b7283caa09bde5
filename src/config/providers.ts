/** Provider sections: which driver, checked against its schema, made into ProviderConfig. */
import type { Options, PoolConfig, PoolLabel, ProviderConfig } from './config.ts';
import { labelsUsedIn, readLimits, reportRepeatedNames } from './labels.ts';
import { anyProviderSchema } from './main-schema.ts';
import { asMapping, mappingsOf } from './plain.ts';
import { SHARED_KEYS } from './schema.ts';
import { findUsablePart, type UsablePart } from './usable-part.ts';
import { validate, type Report } from './validate.ts';
import { didYouMean, quote, type Path } from './words.ts';

/** What loading needs of a driver; `Driver` fits. */
export interface ConfigDriver {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly schema: object;
  check?(
    section: ProviderConfig,
    report: (path: string, expected: string, found: string) => void,
    earlier: readonly ProviderConfig[],
  ): void;
}

type Section = Readonly<Record<string, unknown>>;

/** The driver of a section; reports an unknown one. Without `driver` it is openstack, or fake for names like `fake-1`. */
export function chooseDriver(
  section: Section,
  path: Path,
  drivers: readonly ConfigDriver[],
  report: Report,
): ConfigDriver | undefined {
  const { driver: given, name } = section;
  const implied = typeof name === 'string' && name.startsWith('fake') ? 'fake' : 'openstack';
  const wanted = given === undefined ? implied : given;
  if (typeof wanted !== 'string') return undefined;
  const chosen = drivers.find((driver) => driver.name === wanted || driver.aliases?.includes(wanted));
  if (chosen) return chosen;

  const known = drivers.map((driver) => driver.name);
  const spellings = drivers.flatMap((driver) => [driver.name, ...(driver.aliases ?? [])]);
  const expected = `one of the known drivers: ${known.join(', ')}`;
  if (given === undefined)
    report(path, `the key "driver" with ${expected}`, 'no "driver", which means "openstack"');
  else report([...path, 'driver'], expected, `${quote(wanted)}${didYouMean(wanted, spellings)}`);
  return undefined;
}

/**
 * Checks one section and fills in the driver's defaults. Answers what of it can be used in spite of mistakes, so that the
 * driver's own checks tell theirs in the same go.
 */
export async function checkProvider(
  section: Section,
  path: Path,
  driver: ConfigDriver | undefined,
  report: Report,
): Promise<UsablePart | undefined> {
  const schema = (driver?.schema ?? anyProviderSchema) as Section;
  const complaints = await validate(schema, section);
  for (const { path: inside, expected, found } of complaints) report([...path, ...inside], expected, found);
  reportRepeatedNames(section.pools, [...path, 'pools'], 'name', report);
  for (const [index, pool] of mappingsOf(section.pools)) {
    reportRepeatedNames(pool.labels, [...path, 'pools', index, 'labels'], 'name', report);
  }
  if (complaints.length > 0) return findUsablePart(schema, section);
  return { value: section, original: (inside) => inside };
}

/** `a-b` with pool `c` and `a` with pool `b-c` would both be called `a-b-c` in logs and statistics. */
export function reportSharedWorkerNames(providers: unknown, report: Report): void {
  const taken = new Map<string, string>();
  for (const [index, provider] of mappingsOf(providers)) {
    for (const [position, pool] of mappingsOf(provider.pools)) {
      if (typeof provider.name !== 'string' || typeof pool.name !== 'string') continue;
      const worker = `${provider.name}-${pool.name}`;
      const mine = `provider ${quote(provider.name)}, pool ${quote(pool.name)}`;
      const other = taken.get(worker);
      if (other === undefined) taken.set(worker, mine);
      else if (other !== mine) {
        const path = ['providers', index, 'pools', position, 'name'];
        report(
          path,
          'provider and pool names that stay distinct when joined by "-"',
          `${quote(worker)}, as ${other}`,
        );
      }
    }
  }
}

/** From a section, or part of one, that its schema accepts. */
export function buildProvider(section: Section, driver: ConfigDriver): ProviderConfig {
  const name = section.name as string;
  const priority = (section.priority as number | undefined) ?? 100;
  const maxConcurrency = (section['max-concurrency'] as number | undefined) ?? -1;
  return {
    name,
    driver: driver.name,
    maxConcurrency: maxConcurrency < 0 ? undefined : maxConcurrency,
    launchRetries: (section['launch-retries'] as number | undefined) ?? 3,
    launchTimeoutMs: ((section['launch-timeout'] as number | undefined) ?? 3600) * 1000,
    bootTimeoutMs: ((section['boot-timeout'] as number | undefined) ?? 60) * 1000,
    pools: byName(mappingsOf(section.pools).map(([, pool]) => buildPool(pool, name, priority))),
    options: optionsOf(section, SHARED_KEYS.provider),
  };
}

const LIMITS = new Set(['max-servers', 'max-cores', 'max-ram', 'max-volumes', 'max-volume-gb']);

function buildPool(pool: Section, provider: string, priority: number): PoolConfig {
  const limits = Object.fromEntries(Object.entries(pool).filter(([key]) => LIMITS.has(key)));
  return {
    name: pool.name as string,
    provider,
    priority: (pool.priority as number | undefined) ?? priority,
    maxServers: pool['max-servers'] as number | undefined,
    limits: readLimits({ ...asMapping(pool['max-resources']), ...limits }, new Set()),
    ignoreProviderQuota: pool['ignore-provider-quota'] === true,
    nodeAttributes: (pool['node-attributes'] as Section | undefined) ?? null,
    hostKeyChecking: pool['host-key-checking'] !== false,
    labels: buildPoolLabels(pool),
    options: optionsOf(pool, SHARED_KEYS.pool),
  };
}

function buildPoolLabels(pool: Section): Map<string, PoolLabel> {
  const labels = byName(
    mappingsOf(pool.labels).map(([, label]) => ({
      name: label.name as string,
      options: optionsOf(label, SHARED_KEYS.label),
    })),
  );
  for (const { name } of labelsUsedIn(pool, [])) {
    if (!labels.has(name)) labels.set(name, { name, options: {} });
  }
  return labels;
}

/** A name that occurs again is a mistake, told already; its entry stays, in its place, to be checked as well. */
function byName<T extends { name: string }>(entries: readonly T[]): Map<string, T> {
  const map = new Map<string, T>();
  for (const entry of entries)
    map.set(map.has(entry.name) ? `${entry.name}\0${map.size}` : entry.name, entry);
  return map;
}

function optionsOf(section: Section, shared: ReadonlySet<string>): Options {
  return Object.fromEntries(
    Object.entries(section).filter(([key]) => !shared.has(key) && !key.startsWith('x-')),
  );
}
