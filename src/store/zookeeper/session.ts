import type { Logger } from '../../log.ts';
import type { ZooKeeperClient } from '../../zookeeper/index.ts';
import type { Session, SessionState } from '../store.ts';

/** The client's session as the users of a store see it. */
export function followSession(client: ZooKeeperClient, log: Logger): Session {
  const listeners = new Set<(state: SessionState) => void>();
  let state: SessionState = client.state === 'connected' ? 'connected' : 'suspended';
  client.onState((change) => {
    if (change.state === 'closed' || change.state === 'connecting') return;
    if (change.state === state) return;
    state = change.state;
    for (const listener of [...listeners]) {
      try {
        listener(state);
      } catch (error) {
        log.error('a listener of the state store failed', { state, error });
      }
    }
  });
  return {
    get state() {
      return state;
    },
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
