import type { ZooKeeperClient } from '../client.ts';
import { NodeExistsError, NoNodeError, TransactionError } from '../errors.ts';
import { joinPath, nameOf, parentOf } from '../paths.ts';
import type { CallOptions } from '../types.ts';
import type { Operation } from '../wire/multi.ts';

export interface EnterOptions {
  /** The lock directory. */
  directory: string;
  /** Name of the contender without the number. */
  prefix: string;
  identifier: string;
  ephemeral: boolean;
  /** A znode without which nothing may be created, not even the lock directory. */
  mustExist: string | undefined;
  /** The directory is known not to exist, so create it in the same step. */
  expectMissing: boolean;
}

/** The contender's name, and all names in the directory as listed right behind the creation. */
export interface Entered {
  name: string;
  names: string[];
}

/**
 * Creates the contender and lists the directory in one round trip. The lock directory is created when it is missing. With `mustExist` every
 * step checks that znode in one transaction, so locking something that is gone leaves no trace; it throws NoNodeError.
 */
export async function enterLock(
  client: ZooKeeperClient,
  options: EnterOptions,
  limits: CallOptions,
): Promise<Entered> {
  let makeDirectory = options.expectMissing;
  for (;;) {
    try {
      const entering = tryEnter(client, options, makeDirectory, limits);
      const listing = client.getChildren(options.directory, limits);
      listing.catch(() => undefined);
      const name = await entering;
      return { name, names: await listing };
    } catch (error) {
      const { path, cause } = failedOperation(error);
      const isDirectory = path === options.directory;
      if (cause instanceof NodeExistsError && isDirectory) makeDirectory = false;
      else if (!(cause instanceof NoNodeError)) throw error;
      else if (path === options.mustExist) throw cause;
      else if (isDirectory) await makeParents(client, options, limits);
      else makeDirectory = true;
    }
  }
}

async function tryEnter(
  client: ZooKeeperClient,
  { directory, prefix, identifier, ephemeral, mustExist }: EnterOptions,
  makeDirectory: boolean,
  limits: CallOptions,
): Promise<string> {
  const contender = joinPath(directory, prefix);
  const mode = { ephemeral, sequential: true };
  if (!makeDirectory && mustExist === undefined) {
    return nameOf((await client.create(contender, identifier, { ...mode, ...limits })).path);
  }
  const operations: Operation[] = [
    ...checks(mustExist),
    ...(makeDirectory ? [{ op: 'create', path: directory } as const] : []),
    { op: 'create', path: contender, data: identifier, mode },
  ];
  const results = await client.multi(operations, limits);
  return nameOf((results.at(-1) as { path: string }).path);
}

/** What is missing above the lock directory. */
async function makeParents(
  client: ZooKeeperClient,
  { directory, mustExist }: EnterOptions,
  limits: CallOptions,
): Promise<void> {
  const parent = parentOf(directory);
  if (mustExist === undefined) return client.ensurePath(parent, limits);
  try {
    await client.multi([...checks(mustExist), { op: 'create', path: parent }], limits);
  } catch (error) {
    const { path, cause } = failedOperation(error);
    if (cause instanceof NodeExistsError) return;
    if (!(cause instanceof NoNodeError)) throw error;
    if (path === mustExist || parent === '/') throw cause;
    await makeParents(client, { directory: parent, mustExist } as EnterOptions, limits);
    await makeParents(client, { directory, mustExist } as EnterOptions, limits);
  }
}

function checks(mustExist: string | undefined): Operation[] {
  return mustExist === undefined ? [] : [{ op: 'check', path: mustExist }];
}

function failedOperation(error: unknown): { path: string | undefined; cause: unknown } {
  const cause = error instanceof TransactionError ? error.cause : error;
  return {
    path: cause instanceof NoNodeError || cause instanceof NodeExistsError ? cause.path : undefined,
    cause,
  };
}
