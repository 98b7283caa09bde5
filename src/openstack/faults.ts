/** Which failures mean that there is no room, so that waiting helps. */
import { LaunchError, QuotaError, reasonOf, type LaunchStage } from '../errors.ts';
import { hasStatus, ServiceError } from './errors.ts';

/** The answer to a creation that was refused; with the words of Nova, Neutron and Cinder. */
export function asLaunchError(error: unknown, stage: LaunchStage): Error {
  if (error instanceof LaunchError || error instanceof QuotaError) return error;
  if (error instanceof ServiceError && isQuotaRefusal(error))
    return new QuotaError(error.message, { cause: error });
  return new LaunchError(stage, reasonOf(error), { cause: error });
}

/** `Quota exceeded for instances: …`, `Maximum number of ports exceeded`. */
export function isQuotaRefusal(error: ServiceError): boolean {
  return hasStatus(error, 400, 403, 409, 413) && speaksOfQuota(error.reason);
}

function speaksOfQuota(text: string): boolean {
  return /quota.{0,20}exceeded|exceeded.{0,40}quota|number of ports exceeded|exceeds.*quota|quota.*exceeds/i.test(
    text,
  );
}

/** A server in ERROR: out of room, or broken. */
export function faultOf(name: string, message: string): Error {
  const text = `the server ${name} is in ERROR${message ? `: ${message}` : ''}`;
  return /quota/i.test(message) && /exceed/i.test(message)
    ? new QuotaError(text)
    : new LaunchError('start', text);
}
