/** What can be done with the token, which is kept in memory only. */
import { signal } from '@preact/signals';

export const token = signal('');
export const who = signal('');
export const message = signal<{ kind: 'done' | 'failed'; text: string } | undefined>(undefined);

/** Posts an action and says how it went. */
export async function act(path: string, what: string, body?: unknown): Promise<void> {
  try {
    const response = await fetch(`/api/v1${path}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token.value}`,
        'content-type': 'application/json',
        ...(who.value && { 'x-nodepool-user': encodeURIComponent(who.value) }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const answer = (await response.json()) as { error?: string };
    message.value = response.ok
      ? { kind: 'done', text: what }
      : { kind: 'failed', text: `${what}: ${answer.error ?? response.status}` };
  } catch (error) {
    message.value = { kind: 'failed', text: `${what}: ${String(error)}` };
  }
}

export function TokenForm() {
  return (
    <form class="token" onSubmit={(event) => event.preventDefault()}>
      <input
        type="password"
        autocomplete="off"
        placeholder="token for actions"
        aria-label="token for actions"
        value={token.value}
        onInput={({ currentTarget }) => (token.value = currentTarget.value.trim())}
      />
      {token.value !== '' && (
        <input
          placeholder="your name, for the log"
          aria-label="your name, for the log"
          value={who.value}
          onInput={({ currentTarget }) => (who.value = currentTarget.value)}
        />
      )}
    </form>
  );
}

/** Shown only to who has given a token; asks before it does what cannot be taken back. */
export function Action({ name, ask, run }: { name: string; ask?: string; run: () => Promise<void> }) {
  if (token.value === '') return null;
  const click = () => {
    if (ask === undefined || confirm(ask)) void run();
  };
  return (
    <button type="button" class="action" onClick={click}>
      {name}
    </button>
  );
}

export function Message() {
  const shown = message.value;
  return (
    <div class={`message ${shown?.kind ?? ''}`} role="status">
      {shown && (
        <>
          {shown.text} <button onClick={() => (message.value = undefined)}>close</button>
        </>
      )}
    </div>
  );
}
