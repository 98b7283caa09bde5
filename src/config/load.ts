/** Loads nodepool.yaml and the secure file. */
import { ConfigError, type Problem } from '../errors.ts';
import type { Config, ProviderConfig } from './config.ts';
import {
  buildDiskimages,
  checkImageUse,
  checkParents,
  concreteImageNames,
  readSecretEnvVars,
} from './diskimages.ts';
import { parse, type Document } from './document.ts';
import { deepFreeze } from './freeze.ts';
import { buildLabels, buildTenantLimits, checkLabelUse, positive, reportRepeatedNames } from './labels.ts';
import { explainLegacyKey } from './legacy.ts';
import { mainSchema, secureSchema } from './main-schema.ts';
import { asMapping, mappingsOf } from './plain.ts';
import {
  buildProvider,
  checkProvider,
  chooseDriver,
  reportSharedWorkerNames,
  type ConfigDriver,
} from './providers.ts';
import { readSource, type Env } from './source.ts';
import { readStateLocation } from './state-location.ts';
import { validate, type Report } from './validate.ts';
import { warnAbout, type Warning } from './warnings.ts';
import { nameOfPlace } from './where.ts';
import { parsePath } from './words.ts';

export interface LoadOptions {
  path: string;
  securePath?: string | undefined;
  /** Every driver there is; `Driver` fits. */
  drivers: readonly ConfigDriver[];
  /** Variables for `%(NODEPOOL_…)`. */
  env: Env;
}

export interface LoadedConfig extends Config {
  /** What is allowed but probably not meant; to be logged. */
  readonly warnings: readonly Warning[];
}

/** The complete configuration. Throws ConfigError with every mistake of both files. */
export async function loadConfig({ path, securePath, drivers, env }: LoadOptions): Promise<LoadedConfig> {
  const [mainFile, secureFile] = await Promise.all([
    open(path, env),
    securePath === undefined ? undefined : open(securePath, env, { secret: true }),
  ]);
  const problems = [...mainFile.problems, ...(secureFile?.problems ?? [])];
  const main = mainFile.document;
  const secure = secureFile?.document;
  const config = main && (await checkDocuments(main, secure, drivers, problems));
  if (!config || problems.length > 0) throw new ConfigError(arrange(problems, [mainFile, secureFile]));
  return deepFreeze({ ...config, warnings: warnAbout(main, secureFile) });
}

export interface OpenedFile {
  path: string;
  document?: Document;
  problems: readonly Problem[];
  /** Permission bits. */
  mode: number;
}

async function open(path: string, env: Env, options: { secret?: boolean } = {}): Promise<OpenedFile> {
  const read = await readSource(path, env, options);
  if ('problem' in read) return { path, problems: [read.problem], mode: 0 };
  const document = parse(read.source);
  return { path, document, problems: document.problems, mode: read.mode };
}

/**
 * Adds every mistake to `problems`; what it answers is to be used only when there are none. Fills in defaults. Without
 * drivers provider sections are checked only for what holds for all of them.
 */
export async function checkDocuments(
  main: Document,
  secure: Document | undefined,
  drivers: readonly ConfigDriver[] | undefined,
  problems: Problem[],
): Promise<Config | undefined> {
  const location = readStateLocation(main, secure, problems);
  const value = asMapping(main.value);
  if (!value) return undefined;

  const report: Report = (path, expected, given) => {
    const problem = main.problem(path, expected, given);
    problems.push({ ...problem, found: `${problem.found}${nameOfPlace(main, path)}` });
  };
  for (const complaint of await validate(mainSchema, value)) {
    const { path, expected, found } = explainLegacyKey(complaint);
    report(path, expected, found);
  }
  reportRepeatedNames(value.labels, ['labels'], 'name', report);
  reportRepeatedNames(value.diskimages, ['diskimages'], 'name', report);
  reportRepeatedNames(value.providers, ['providers'], 'name', report);
  reportRepeatedNames(value['tenant-resource-limits'], ['tenant-resource-limits'], 'tenant-name', report);
  reportSharedWorkerNames(value.providers, report);
  checkParents(value.diskimages, report);
  checkLabelUse(value, report);
  checkImageUse(value, report);
  const providers = await loadProviders(value.providers, drivers, report);
  const secretEnvVars = secure ? await readSecure(secure, value.diskimages, problems) : new Map();
  if (problems.length > 0) return undefined;

  return {
    ...location,
    labels: buildLabels(value.labels),
    providers,
    diskimages: buildDiskimages(value.diskimages, secretEnvVars),
    tenantLimits: buildTenantLimits(value['tenant-resource-limits']),
    maxHoldAgeS: positive(value['max-hold-age']),
    webapp: buildWebapp(asMapping(value.webapp) ?? {}),
    elementsDir: value['elements-dir'] as string | undefined,
    imagesDir: value['images-dir'] as string | undefined,
    buildLogDir: value['build-log-dir'] as string | undefined,
    buildLogRetention: (value['build-log-retention'] as number | undefined) ?? 7,
  };
}

/** The builder's port is the one after the launcher's, so that one file serves both on one machine. */
function buildWebapp(section: Readonly<Record<string, unknown>>): Config['webapp'] {
  const port = (section['port'] as number | undefined) ?? 8005;
  return {
    port,
    builderPort: (section['builder_port'] as number | undefined) ?? (port < 65_535 ? port + 1 : port - 1),
    listenAddress: (section['listen_address'] as string | undefined) ?? '0.0.0.0',
    tokenFile: section['token_file'] as string | undefined,
  };
}

async function loadProviders(
  section: unknown,
  drivers: readonly ConfigDriver[] | undefined,
  report: Report,
): Promise<Map<string, ProviderConfig>> {
  const providers: ProviderConfig[] = [];
  for (const [index, provider] of mappingsOf(section)) {
    const path = ['providers', index];
    const driver = drivers && chooseDriver(provider, path, drivers, report);
    const usable = await checkProvider(provider, path, driver, report);
    if (!driver || !usable) continue;
    const built = deepFreeze(buildProvider(usable.value, driver));
    const reportInside = (inside: string, expected: string, found: string) =>
      report([...path, ...usable.original(parsePath(inside))], expected, found);
    const earlier = providers.filter((other) => other.driver === built.driver);
    driver.check?.(built, reportInside, earlier);
    providers.push(built);
  }
  return new Map(providers.map((provider) => [provider.name, provider]));
}

async function readSecure(
  secure: Document,
  diskimages: unknown,
  problems: Problem[],
): Promise<Map<string, Record<string, string>>> {
  const report: Report = (path, expected, found) => problems.push(secure.problem(path, expected, found));
  const value = asMapping(secure.value) ?? {};
  for (const { path, expected, found } of await validate(secureSchema, value)) report(path, expected, found);
  reportRepeatedNames(value.diskimages, ['diskimages'], 'name', report);
  return readSecretEnvVars(value, concreteImageNames(diskimages), secure.textAt, report);
}

/** By file and line, each once, without what follows from a broken alias. */
function arrange(problems: readonly Problem[], files: readonly (OpenedFile | undefined)[]): Problem[] {
  const arranged: Problem[] = [];
  for (const { path, document, problems: own } of files.filter((file) => file !== undefined)) {
    const certain = new Set(own);
    const mine = problems.filter(
      (problem) => problem.file === path && (certain.has(problem) || !document?.broken.has(problem.path)),
    );
    const unique = new Map(mine.map((problem) => [JSON.stringify(problem), problem]));
    arranged.push(...[...unique.values()].sort((a, b) => (a.line ?? 0) - (b.line ?? 0)));
  }
  return arranged;
}
