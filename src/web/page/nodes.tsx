import { act, Action } from './actions.tsx';
import { generation, now, records } from './live.ts';
import { linkTo, place } from './place.ts';
import type { NodeRecord } from './records.ts';
import { VirtualList } from './virtual.tsx';
import { escapeText, formatSpan } from '../../operator/cell.ts';
import { matches } from './words.ts';

const STATES = ['building', 'ready', 'in-use', 'used', 'hold', 'deleting', 'failed'] as const;

/** How many nodes of each pool are in each state; a number leads to those nodes. */
function Grid() {
  const counts = new Map<string, Map<string, number>>();
  for (const { provider, pool } of records.pools.values()) counts.set(`${provider}/${pool}`, new Map());
  for (const node of records.nodes.values()) {
    const key = `${node.provider ?? ''}/${node.pool ?? ''}`;
    const states = counts.get(key) ?? new Map<string, number>();
    states.set(node.state, (states.get(node.state) ?? 0) + 1);
    counts.set(key, states);
  }
  const rows = [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
  return (
    <div class="scroll-x">
      <table class="grid">
        <thead>
          <tr>
            <th scope="col">pool</th>
            {STATES.map((state) => (
              <th scope="col" key={state}>
                {state}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(([pool, states]) => (
            <tr key={pool}>
              <th scope="row">
                <a href={linkTo('nodes', { pool })}>{escapeText(pool)}</a>
              </th>
              {STATES.map((state) => (
                <td key={state} class={`cell ${states.get(state) ? `state-${state}` : 'none'}`}>
                  <a href={linkTo('nodes', { pool, state })}>{states.get(state) ?? 0}</a>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function Nodes() {
  void generation.value;
  const { query } = place.value;
  const [state, pool, search] = [query.get('state'), query.get('pool'), query.get('q') ?? ''];
  const rows = [...records.nodes.values()]
    .filter(
      (node) =>
        (!state || node.state === state) &&
        (!pool || `${node.provider ?? ''}/${node.pool ?? ''}` === pool) &&
        (search === '' || matches(search, textsOf(node))),
    )
    .sort((a, b) => (a.id < b.id ? 1 : -1));
  return (
    <>
      <Grid />
      <p class="found">
        {rows.length} of {records.nodes.size} nodes
        {(state ?? pool) && (
          <>
            {' '}
            ({[pool, state].filter(Boolean).join(', ')}) <a href={linkTo('nodes')}>show all</a>
          </>
        )}
      </p>
      <VirtualList rows={rows} label="nodes" row={(node) => <NodeRow node={node} />} />
    </>
  );
}

function textsOf(node: NodeRecord): (string | null)[] {
  const { id, state, provider, pool, server_id, interface_ip, allocated_to, requestor, comment, tenant } =
    node;
  return [
    id,
    state,
    provider,
    pool,
    server_id,
    interface_ip,
    allocated_to,
    requestor,
    comment,
    tenant,
    ...node.labels,
  ];
}

function NodeRow({ node }: { node: NodeRecord }) {
  return (
    <>
      <span class="id">{node.id}</span>
      <span class={`state state-${node.state}`}>{node.state}</span>
      <span class="age">{formatSpan(now.value - node.state_time)}</span>
      <span class="grow">{escapeText(node.labels.join(', '))}</span>
      <span class="grow wide">{escapeText(`${node.provider ?? ''}/${node.pool ?? ''}`)}</span>
      <span class="grow wide">{escapeText(node.server_id ?? '')}</span>
      <span class="grow wide">{escapeText(node.comment ?? node.requestor ?? '')}</span>
      <NodeActions node={node} />
    </>
  );
}

export function NodeActions({ node }: { node: NodeRecord }) {
  const { id } = node;
  return (
    <span class="actions">
      {node.state !== 'hold' && (
        <Action name="hold" run={() => act(`/nodes/${id}/hold`, `node ${id} is held`, {})} />
      )}
      <Action
        name="delete"
        ask={`Delete node ${id}?`}
        run={() => act(`/nodes/${id}/delete`, `node ${id} is being deleted`)}
      />
    </span>
  );
}
