import { Ajv, type ValidateFunction } from 'ajv';
import type { ProviderConfig } from '../../src/config/config.ts';
import { buildProvider } from '../../src/config/providers.ts';
import type { Driver } from '../../src/driver/driver.ts';

type Section = Readonly<Record<string, unknown>>;

const ajv = new Ajv({ allErrors: true, useDefaults: true, allowUnionTypes: true, keywords: ['expected'] });
/** By schema: compiling one takes longer than using it many times. */
const checks = new WeakMap<object, ValidateFunction>();

/** The mistakes that the driver's schema finds in a provider section, as `path: message`; also fills in defaults. */
export function schemaMistakes(driver: Driver, section: Section): string[] {
  const check = checks.get(driver.schema) ?? ajv.compile(driver.schema);
  checks.set(driver.schema, check);
  if (check(section)) return [];
  return (check.errors ?? []).map(({ instancePath, message = '' }) => `${instancePath}: ${message}`);
}

/** A provider section, as it would stand in nodepool.yaml, in the form that a driver's `open` takes. */
export function providerConfig(driver: Driver, given: Section): ProviderConfig {
  const section = structuredClone(given);
  const mistakes = schemaMistakes(driver, section);
  if (mistakes.length > 0) throw new TypeError(mistakes.join('\n'));
  return buildProvider(section, driver);
}
