import { StoreError } from '../../errors.ts';
import {
  ClosedError,
  ConnectionLossError,
  NoNodeError,
  SessionExpiredError,
  TimeoutError,
  TransactionError,
  ZooKeeperError,
} from '../../zookeeper/index.ts';

/** The operation of a transaction that failed, with its error; for other calls the error alone. */
export function failureOf(error: unknown): { index: number; cause: unknown } {
  return error instanceof TransactionError
    ? { index: error.index, cause: error.cause }
    : { index: 0, cause: error };
}

export function isGone(error: unknown): boolean {
  return failureOf(error).cause instanceof NoNodeError;
}

/**
 * Nothing is wrong with the request, only with its way there: the connection went before the answer came (the change may
 * or may not have happened), or the session ended before it was sent.
 */
export function isInterrupted(error: unknown): boolean {
  return error instanceof ConnectionLossError || error instanceof SessionExpiredError;
}

/** The result, or undefined when there is no such znode. */
export async function unlessGone<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** Repeats what may be done twice until it is answered. */
export async function throughLosses<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isInterrupted(error)) throw error;
    }
  }
}

/** What callers of the store get for an error of the client. All other errors stay as they are. */
export function toStoreError(error: unknown): unknown {
  if (!(error instanceof ZooKeeperError)) return error;
  if (error instanceof ClosedError) return new StoreError('the state store is closed', { cause: error });
  const what = error instanceof TimeoutError ? 'ZooKeeper does not answer' : 'ZooKeeper refuses';
  return new StoreError(`${what}: ${error.message}`, { cause: error });
}
