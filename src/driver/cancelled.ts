import { LaunchError, reasonOf } from '../errors.ts';

/** What a launch throws when its signal was aborted: the launcher's own reason where that is a LaunchError already. */
export function cancelledLaunch(signal: AbortSignal): LaunchError {
  const reason: unknown = signal.reason;
  if (reason instanceof LaunchError) return reason;
  return new LaunchError('cancelled', `launch cancelled: ${reasonOf(reason)}`, { cause: reason });
}
