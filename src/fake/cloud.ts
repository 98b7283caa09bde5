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
      used = subtractResources(used, instance.cost);
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
  const nameOf = (externalId: string) => prefix + encodeURIComponent(externalId);
  const fileOf = (externalId: string) => join(directory, nameOf(externalId));

  const read = (names: string[]) => names.flatMap((name) => readInstance(join(directory, name)) ?? []);
  const made = () => readdirSync(directory).filter((name) => name.startsWith(prefix));

  /**
   * Of the others, claims included. Claims are listed and read before instances are listed: one that becomes an instance
   * meanwhile is seen twice, never missed.
   */
  const usedBeside = (externalId: string) => {
    const claimed = read(liveClaims(directory, prefix));
    const others = new Map([...claimed, ...read(made())].map((other) => [other.externalId, other.cost]));
    others.delete(externalId);
    return [...others.values()].reduce(addResources, NO_RESOURCES);
  };

  return {
    create(instance, quota) {
      const claim = join(directory, `.claim-${process.pid}-${nameOf(instance.externalId)}`);
      try {
        writeFileSync(claim, JSON.stringify(instance));
        if (Object.keys(quota).length > 0) checkQuota(quota, usedBeside(instance.externalId), instance.cost);
        renameSync(claim, fileOf(instance.externalId));
      } finally {
        rmSync(claim, { force: true });
      }
    },
    get: (externalId) => readInstance(fileOf(externalId)),
    remove: (externalId) => rmSync(fileOf(externalId), { force: true }),
    list: () => read(made()),
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

/** Claims on this provider by processes that live. A killed one's claim never became an instance: removed. */
function liveClaims(directory: string, prefix: string): string[] {
  return readdirSync(directory).filter((name) => {
    const [, pid, claimed] = /^\.claim-(\d+)-(.*)$/.exec(name) ?? [];
    if (claimed?.startsWith(prefix) !== true) return false;
    if (isAlive(Number(pid))) return true;
    rmSync(join(directory, name), { force: true });
    return false;
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
