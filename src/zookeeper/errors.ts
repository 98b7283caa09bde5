/**
 * Everything this client can throw. One class for each case a caller may want to tell apart; all others are a plain
 * `ZooKeeperError` with the server's code.
 */

/** The server's error codes (org.apache.zookeeper.KeeperException.Code), and the client's own below -1000. */
export const ErrorCode = {
  ok: 0,
  systemError: -1,
  runtimeInconsistency: -2,
  dataInconsistency: -3,
  connectionLoss: -4,
  marshallingError: -5,
  unimplemented: -6,
  operationTimeout: -7,
  badArguments: -8,
  apiError: -100,
  noNode: -101,
  noAuth: -102,
  badVersion: -103,
  noChildrenForEphemerals: -108,
  nodeExists: -110,
  notEmpty: -111,
  sessionExpired: -112,
  invalidAcl: -114,
  authFailed: -115,
  sessionMoved: -118,
  notReadOnly: -119,
  noWatcher: -121,
  requestTimeout: -122,
  quotaExceeded: -125,
  throttled: -127,
  closed: -1001,
  protocol: -1002,
  tooLarge: -1003,
  connect: -1004,
  lockLost: -1005,
} as const;

/** Any failure of an operation. `path` is the path as the caller gave it (without chroot). */
export class ZooKeeperError extends Error {
  override readonly name: string = 'ZooKeeperError';
  readonly code: number;
  readonly path: string | undefined;

  constructor(code: number, message: string, options: { path?: string | undefined; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.path = options.path;
  }
}

/** The znode, or the parent of one that was to be created, does not exist. */
export class NoNodeError extends ZooKeeperError {
  override readonly name = 'NoNodeError';
}

export class NodeExistsError extends ZooKeeperError {
  override readonly name = 'NodeExistsError';
}

/** The znode has another version than the one demanded. */
export class BadVersionError extends ZooKeeperError {
  override readonly name = 'BadVersionError';
}

/** The znode has children, so it cannot be deleted. */
export class NotEmptyError extends ZooKeeperError {
  override readonly name = 'NotEmptyError';
}

export class NoChildrenForEphemeralsError extends ZooKeeperError {
  override readonly name = 'NoChildrenForEphemeralsError';
}

/** The access control list of the znode forbids it. */
export class NoAuthError extends ZooKeeperError {
  override readonly name = 'NoAuthError';
}

export class InvalidAclError extends ZooKeeperError {
  override readonly name = 'InvalidAclError';
}

/** The server refused a credential; the client is closed by it. */
export class AuthFailedError extends ZooKeeperError {
  override readonly name = 'AuthFailedError';
}

/** The session is over: its ephemeral znodes are gone. The operation was not applied. */
export class SessionExpiredError extends ZooKeeperError {
  override readonly name = 'SessionExpiredError';
}

/** The server is too old for this operation, or has it switched off. */
export class UnimplementedError extends ZooKeeperError {
  override readonly name = 'UnimplementedError';
}

export class BadArgumentsError extends ZooKeeperError {
  override readonly name = 'BadArgumentsError';
}

export class NoWatcherError extends ZooKeeperError {
  override readonly name = 'NoWatcherError';
}

/** The connection was lost before the answer came. */
export class ConnectionLossError extends ZooKeeperError {
  override readonly name = 'ConnectionLossError';
  /** False when the request certainly never left this process. */
  readonly mayHaveBeenApplied: boolean;

  constructor(
    message: string,
    options: { path?: string | undefined; cause?: unknown; mayHaveBeenApplied: boolean },
  ) {
    super(ErrorCode.connectionLoss, message, options);
    this.mayHaveBeenApplied = options.mayHaveBeenApplied;
  }
}

/** The call's time limit passed. */
export class TimeoutError extends ZooKeeperError {
  override readonly name = 'TimeoutError';
  /** False when the request certainly never left this process. */
  readonly mayHaveBeenApplied: boolean;

  constructor(message: string, options: { path?: string | undefined; mayHaveBeenApplied: boolean }) {
    super(ErrorCode.operationTimeout, message, options);
    this.mayHaveBeenApplied = options.mayHaveBeenApplied;
  }
}

/** The client has been closed. */
export class ClosedError extends ZooKeeperError {
  override readonly name = 'ClosedError';
}

/** The peer sent something that is not the ZooKeeper protocol. */
export class ProtocolError extends ZooKeeperError {
  override readonly name = 'ProtocolError';

  constructor(message: string) {
    super(ErrorCode.protocol, message);
  }
}

/** A request or an answer is larger than the limit. */
export class TooLargeError extends ZooKeeperError {
  override readonly name = 'TooLargeError';
}

/** Why one server could not be used. */
export interface ServerFailure {
  /** `host:port` */
  server: string;
  reason: string;
}

/** No server could be used within the time limit; says for each why. */
export class ConnectError extends ZooKeeperError {
  override readonly name = 'ConnectError';
  readonly failures: readonly ServerFailure[];

  constructor(message: string, failures: readonly ServerFailure[]) {
    super(ErrorCode.connect, message);
    this.failures = failures;
  }
}

/** One operation of a transaction failed, so none was applied. `cause` is the error of that operation. */
export class TransactionError extends ZooKeeperError {
  override readonly name = 'TransactionError';
  /** Which operation, counted from 0. */
  readonly index: number;
  declare readonly cause: ZooKeeperError;

  constructor(index: number, cause: ZooKeeperError) {
    super(cause.code, `operation ${index} of the transaction: ${cause.message}`, { path: cause.path, cause });
    this.index = index;
  }
}

/** A lock is gone, or may be gone, without having been released. */
export class LockLostError extends ZooKeeperError {
  override readonly name = 'LockLostError';

  constructor(message: string, path: string) {
    super(ErrorCode.lockLost, message, { path });
  }
}

type ErrorClass = new (
  code: number,
  message: string,
  options: { path?: string | undefined },
) => ZooKeeperError;

const byCode = new Map<number, [ErrorClass, string]>([
  [ErrorCode.noNode, [NoNodeError, 'does not exist']],
  [ErrorCode.noAuth, [NoAuthError, 'is not permitted by its access control list']],
  [ErrorCode.badVersion, [BadVersionError, 'has another version than the one demanded']],
  [
    ErrorCode.noChildrenForEphemerals,
    [NoChildrenForEphemeralsError, 'has an ephemeral parent, which cannot have children'],
  ],
  [ErrorCode.nodeExists, [NodeExistsError, 'exists already']],
  [ErrorCode.notEmpty, [NotEmptyError, 'has children']],
  [ErrorCode.sessionExpired, [SessionExpiredError, 'the session has expired']],
  [ErrorCode.invalidAcl, [InvalidAclError, 'the access control list is not valid for this session']],
  [ErrorCode.authFailed, [AuthFailedError, 'the server refused the credential']],
  [ErrorCode.noWatcher, [NoWatcherError, 'has no such watch']],
  [ErrorCode.unimplemented, [UnimplementedError, 'this server does not support the operation']],
  [ErrorCode.badArguments, [BadArgumentsError, 'the server finds the arguments invalid']],
  [ErrorCode.marshallingError, [BadArgumentsError, 'the server could not read the request']],
  [ErrorCode.sessionMoved, [ZooKeeperError, 'the session has moved to another server']],
  [ErrorCode.quotaExceeded, [ZooKeeperError, 'a quota of the server is exceeded']],
  [ErrorCode.throttled, [ZooKeeperError, 'the server is overloaded and dropped the request']],
]);

/** The typed error for a code of the server. */
export function errorOfCode(code: number, path?: string): ZooKeeperError {
  const [Class, text] = byCode.get(code) ?? [ZooKeeperError, `the server answered with error ${code}`];
  return new Class(code, path === undefined ? text : `${path}: ${text}`, { path });
}

export function closedError(): ClosedError {
  return new ClosedError(ErrorCode.closed, 'the client is closed');
}

/** The message of anything thrown. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
