import { LockLostError, NotFoundError, reasonOf } from '../errors.ts';
import type { Logger } from '../log.ts';

/**
 * Says that work on a node or request ended with an error, as bad as it is: what is gone needs no more work, and what
 * lost its lock is looked after by others, or by us once it is seen again.
 */
export function logFailure(
  log: Logger,
  message: string,
  fields: Record<string, string>,
  error: unknown,
): void {
  if (error instanceof NotFoundError) return;
  const level = error instanceof LockLostError ? 'warning' : 'error';
  log[level](message, { ...fields, error: reasonOf(error) });
}
