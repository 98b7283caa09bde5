import { message } from './actions.tsx';
import { generation, now, records } from './live.ts';
import { NodeActions } from './nodes.tsx';
import { escapeText, formatSpan } from '../../operator/cell.ts';

/** Nodes that are kept for people: why, since when, until when, and how to get in. */
export function Held() {
  void generation.value;
  const rows = [...records.nodes.values()]
    .filter(({ state }) => state === 'hold')
    .sort((a, b) => a.state_time - b.state_time);
  const copy = (text: string) => {
    navigator.clipboard.writeText(text).then(
      () => (message.value = { kind: 'done', text: `copied: ${text}` }),
      () => (message.value = { kind: 'failed', text: 'the browser does not allow to copy' }),
    );
  };
  return (
    <div class="cards">
      {rows.map((node) => (
        <section class="card" key={node.id} aria-label={`node ${node.id}`}>
          <h2>
            {node.id} <small>{escapeText(node.labels.join(', '))}</small>
          </h2>
          <p class="comment">{escapeText(node.comment ?? 'without a reason')}</p>
          {node.hold_job && <p>{escapeText(node.hold_job)}</p>}
          <p>
            held for {formatSpan(now.value - node.state_time)}
            {node.hold_expires_time !== null &&
              `, expires in ${formatSpan(node.hold_expires_time - now.value)}`}
          </p>
          {node.ssh && (
            <p>
              <code class="ssh">{escapeText(node.ssh)}</code>{' '}
              <button type="button" onClick={() => copy(node.ssh ?? '')}>
                copy
              </button>
            </p>
          )}
          <NodeActions node={node} />
        </section>
      ))}
      {rows.length === 0 && <p>No node is held.</p>}
    </div>
  );
}
