/** How a command ends other than well. Exit codes of `run` follow timeout(1) and `docker run`. */

export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;
/** `run`, `request --wait`: the nodes did not come in time. */
export const EXIT_TIMEOUT = 124;
/** `run`: nodepool itself failed; 0–123 and 126–255 come from the command. */
export const EXIT_NOT_RUN = 125;

/** Ends the command with a message for people on stderr. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly exitCode: number;

  constructor(message: string, exitCode: number = EXIT_FAILED, options: { cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.exitCode = exitCode;
  }
}

/** The command line is wrong. */
export class UsageError extends Failure {
  constructor(message: string) {
    super(message, EXIT_USAGE);
  }
}

/** A signal asked the command to stop; the reason of its AbortSignal. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  readonly signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'SIGPIPE';

  constructor(signal: Interrupted['signal']) {
    super(`stopped by ${signal}`);
    this.signal = signal;
  }

  /** As a shell reports a command that died of the signal. */
  get exitCode(): number {
    return 128 + { SIGHUP: 1, SIGINT: 2, SIGPIPE: 13, SIGTERM: 15 }[this.signal];
  }
}
