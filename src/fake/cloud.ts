/** The imaginary cloud: which instances exist. In memory, or as files that outlive the process. */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { QuotaError } from '../errors.ts';
import {
  addResources,
  findExceeded,
  NO_RESOURCES,
  subtractResources,
  type Resources,
} from '../model/resources.ts';

export interface FakeInstance {
  externalId: string;
  nodeId: string;
  pool: string;
  cost: Resources;
  dead: boolean;
  deleteDelayMs: number;
}

export interface Cloud {
  /** Makes the instance. Throws QuotaError when it does not fit beside the others. */
  create(instance: FakeInstance, quota: Resources): void;
  get(externalId: string): FakeInstance | undefined;
  remove(externalId: string): void;
  list(): FakeInstance[];
}

export function createMemoryCloud(): Cloud {
  const instances = new Map<string, FakeInstance>();
  let used = NO_RESOURCES;

  return {
    create(instance, quota) {
      checkQuota(quota, used, instance.cost);
      used = addResources(used, instance.cost);
      instances.set(instance.externalId, instance);
    },
    get: (externalId) => instances.get(externalId),
    remove(externalId) {
      const instance = instances.get(externalId);
      if (instance === undefined) return;
      instances.delete(externalId);
      for (const [key, amount] of Object.entries(instance.cost))
        used = { ...used, [key]: (used[key] ?? 0) - amount };
    },
    list: () => [...instances.values()],
  };
}

/**
 * One file an instance in `directory`, shared by every process that names the same one: what a killed launcher leaves
 * behind stays there to be found and counted. A file appears under its final name only when it is complete and within
 * the quota. Two processes at the edge of the quota may both be refused, but never both be let in, because each shows
 * its claim before it counts.
 */
export function createFileCloud(directory: string, provider: string): Cloud {
  mkdirSync(directory, { recursive: true });
  const prefix = `${encodeURIComponent(provider)}:`;
  const fileOf = (externalId: string) => join(directory, prefix + encodeURIComponent(externalId));

  const read = (names: string[]) => names.flatMap((name) => readInstance(join(directory, name)) ?? []);
  const named = (start: string) => readdirSync(directory).filter((name) => name.startsWith(start));

  return {
    create(instance, quota) {
      const file = fileOf(instance.externalId);
      const claim = join(
        directory,
        `.claim-${process.pid}-${prefix}${encodeURIComponent(instance.externalId)}`,
      );
      writeFileSync(claim, JSON.stringify(instance));
      try {
        dropStaleClaims(directory, named('.claim-'));
        const claims = named('.claim-').filter((name) => name.includes(`-${prefix}`));
        const used = read([...named(prefix), ...claims])
          .filter(({ externalId }) => externalId !== instance.externalId)
          .reduce((sum, other) => addResources(sum, other.cost), NO_RESOURCES);
        checkQuota(quota, used, instance.cost);
        renameSync(claim, file);
      } finally {
        rmSync(claim, { force: true });
      }
    },
    get: (externalId) => readInstance(fileOf(externalId)),
    remove: (externalId) => rmSync(fileOf(externalId), { force: true }),
    list: () => read(named(prefix)),
  };
}

function checkQuota(quota: Resources, used: Resources, need: Resources): void {
  const exceeded = findExceeded(quota, used, need);
  if (exceeded === undefined) return;
  const { resource, limit } = exceeded;
  throw new QuotaError(
    `quota of the fake cloud: ${exceeded.used} of ${limit} ${resource} in use, ${exceeded.need} more wanted`,
  );
}

/** Undefined when the file has just gone, or is a claim that is not yet written. */
function readInstance(file: string): FakeInstance | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as FakeInstance;
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** A killed process's claim never became an instance and must not count. */
function dropStaleClaims(directory: string, claims: string[]): void {
  for (const name of claims) {
    const pid = Number(/^\.claim-(\d+)-/.exec(name)?.[1]);
    if (!isAlive(pid)) rmSync(join(directory, name), { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
