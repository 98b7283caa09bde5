import { Ajv } from 'ajv';
import type { Options, PoolConfig, PoolLabel, ProviderConfig } from '../../src/config/config.ts';
import { SHARED_KEYS } from '../../src/config/schema.ts';
import type { Driver } from '../../src/driver/driver.ts';

type Section = Readonly<Record<string, unknown>>;

/** The mistakes that the driver's schema finds in a provider section, as `path: message`. */
export function schemaMistakes(driver: Driver, section: Section): string[] {
  const ajv = new Ajv({ allErrors: true, useDefaults: true, allowUnionTypes: true, keywords: ['expected'] });
  const check = ajv.compile(driver.schema);
  return check(section) ? [] : (check.errors ?? []).map((error) => `${error.instancePath}: ${error.message}`);
}

/** A provider section, as it would stand in nodepool.yaml, in the form that a driver's `open` takes. */
export function providerConfig(driver: Driver, given: Section): ProviderConfig {
  const section = structuredClone(given) as Record<string, unknown>;
  const mistakes = schemaMistakes(driver, section);
  if (mistakes.length > 0) throw new TypeError(mistakes.join('\n'));
  const name = section['name'] as string;
  const pools = section['pools'] as Section[];
  return {
    name,
    driver: driver.name,
    maxConcurrency: section['max-concurrency'] as number | undefined,
    launchRetries: (section['launch-retries'] as number | undefined) ?? 3,
    launchTimeoutMs: ((section['launch-timeout'] as number | undefined) ?? 3600) * 1000,
    bootTimeoutMs: ((section['boot-timeout'] as number | undefined) ?? 60) * 1000,
    pools: new Map(pools.map((pool) => [pool['name'] as string, poolConfig(driver, name, pool)])),
    options: own(section, SHARED_KEYS.provider),
  };
}

function poolConfig(driver: Driver, provider: string, pool: Section): PoolConfig {
  const maxServers = pool['max-servers'] as number | undefined;
  const options = own(pool, SHARED_KEYS.pool);
  return {
    name: pool['name'] as string,
    provider,
    priority: (pool['priority'] as number | undefined) ?? 100,
    maxServers,
    limits: maxServers === undefined ? {} : { instances: maxServers },
    ignoreProviderQuota: false,
    nodeAttributes: null,
    hostKeyChecking: (pool['host-key-checking'] as boolean | undefined) ?? true,
    labels: labelsOf(driver, pool, options),
    options,
  };
}

function labelsOf(driver: Driver, pool: Section, options: Options): Map<string, PoolLabel> {
  const named = (driver.labelsOf?.(options) ?? []).map(({ label }): [string, PoolLabel] => [
    label,
    { name: label, options: {} },
  ]);
  const written = ((pool['labels'] as Section[] | undefined) ?? []).map((label): [string, PoolLabel] => {
    const name = label['name'] as string;
    return [name, { name, options: own(label, SHARED_KEYS.label) }];
  });
  return new Map([...named, ...written]);
}

function own(section: Section, shared: ReadonlySet<string>): Options {
  return Object.fromEntries(Object.entries(section).filter(([key]) => !shared.has(key)));
}
