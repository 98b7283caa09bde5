import { closedError, ConnectError } from '../errors.ts';
import type { CallOptions } from '../types.ts';
import type { Session } from './session.ts';

/** Resolves when the session is connected. Rejects after the time limit with what is wrong with every server. */
export function waitConnected(session: Session, { timeoutMs = 0, signal }: CallOptions): Promise<void> {
  signal?.throwIfAborted();
  if (session.state === 'connected') return Promise.resolve();
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void) => {
      stopListening();
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      settle();
    };
    const look = (error?: Error) => {
      if (session.state === 'connected') finish(resolve);
      if (session.state === 'closed') finish(() => reject(error ?? closedError()));
    };
    const onAbort = () => finish(() => reject(signal?.reason as Error));
    const stopListening = session.changes.on(({ error }) => look(error));
    const timer =
      timeoutMs > 0
        ? setTimeout(() => finish(() => reject(timedOut(session, timeoutMs))), timeoutMs)
        : undefined;
    signal?.addEventListener('abort', onAbort, { once: true });
    look();
  });
}

function timedOut({ dialer }: Session, timeoutMs: number): ConnectError {
  const list = dialer.failures.map(({ server, reason }) => `  ${server}: ${reason}`).join('\n');
  return new ConnectError(
    `no ZooKeeper server could be used within ${timeoutMs} ms:\n${list}`,
    dialer.failures,
  );
}
