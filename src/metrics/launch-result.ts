import { HostError, LaunchError, LockLostError, NotFoundError, QuotaError } from '../errors.ts';

/** How a launch attempt came out, in the words that statistics have always used. */
export type LaunchResult =
  | 'ready'
  | 'error.quota'
  | 'error.keyscan'
  | 'error.network'
  | 'error.status'
  | 'error.servercreatetimeout'
  | 'error.nodepool'
  | 'error.zksession'
  | 'error.unknown';

/** The result that a failed attempt counts as. */
export function resultOf(error: unknown): LaunchResult {
  if (error instanceof QuotaError) return 'error.quota';
  if (error instanceof HostError) return 'error.network';
  if (error instanceof LockLostError || error instanceof NotFoundError) return 'error.zksession';
  if (!(error instanceof LaunchError)) return 'error.unknown';
  switch (error.stage) {
    case 'keyscan':
      return 'error.keyscan';
    case 'address':
      return 'error.network';
    case 'timeout':
      return 'error.servercreatetimeout';
    case 'create':
    case 'start':
      return 'error.status';
    case 'prepare':
    case 'cancelled':
      return 'error.nodepool';
  }
}
