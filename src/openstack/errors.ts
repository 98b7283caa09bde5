/** What can go wrong between the driver and a cloud. */

/** The cloud is not described well enough to be used: clouds.yaml missing, broken, cloud or region not in it. */
export class CloudError extends Error {
  override readonly name = 'CloudError';
}

/** `auth`: not let in. `limits`: too many calls. `unavailable`: no usable answer, may pass. `refused`: everything else. */
export type FailureKind = 'auth' | 'limits' | 'unavailable' | 'refused';

/** A call that a service did not answer as wanted. The message names service, call, status, reason and request id. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly kind: FailureKind;
  /** HTTP status; undefined when there was no whole answer. */
  readonly status: number | undefined;
  /** The service's own words, without anything else. */
  readonly reason: string;
  /** False: the call certainly had no effect. */
  readonly mayHaveWorked: boolean;

  constructor(
    message: string,
    fields: {
      kind: FailureKind;
      status?: number | undefined;
      reason: string;
      mayHaveWorked?: boolean;
      cause?: unknown;
    },
  ) {
    super(message, { cause: fields.cause });
    this.kind = fields.kind;
    this.status = fields.status;
    this.reason = fields.reason;
    this.mayHaveWorked = fields.mayHaveWorked ?? false;
  }
}

export function hasStatus(error: unknown, ...statuses: number[]): error is ServiceError {
  return error instanceof ServiceError && error.status !== undefined && statuses.includes(error.status);
}

/** May pass by itself: the same call can be made again later. */
export function isPassing(error: unknown): boolean {
  return error instanceof ServiceError && error.kind !== 'refused';
}
