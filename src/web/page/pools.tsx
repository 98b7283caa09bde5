import { act, Action } from './actions.tsx';
import { generation, records } from './live.ts';
import { linkTo, place } from './place.ts';
import type { PoolRecord } from './records.ts';
import { escapeText } from '../../operator/cell.ts';
import { matches } from './words.ts';

/** Pools with what they use, what they may use, and what is wrong with them. */
export function Pools() {
  void generation.value;
  const search = place.value.query.get('q') ?? '';
  const rows = [...records.pools.values()]
    .filter(({ provider, pool, labels }) => search === '' || matches(search, [provider, pool, ...labels]))
    .sort((a, b) => (`${a.provider}/${a.pool}` < `${b.provider}/${b.pool}` ? -1 : 1));
  return (
    <div class="cards">
      {rows.map((pool) => (
        <Card key={pool.id} pool={pool} />
      ))}
      {rows.length === 0 && <p>No launcher serves a pool.</p>}
    </div>
  );
}

function Card({ pool }: { pool: PoolRecord }) {
  const name = `${pool.provider}/${pool.pool}`;
  const path = `/pools/${encodeURIComponent(pool.provider)}/${encodeURIComponent(pool.pool)}`;
  return (
    <section class="card" aria-label={name}>
      <h2>
        <a href={linkTo('nodes', { pool: name })}>{escapeText(name)}</a> <small>{pool.driver}</small>
        {pool.draining && <span class="state state-hold">draining</span>}
        {pool.unhealthy !== null && <span class="state state-failed">unhealthy</span>}
      </h2>
      {Object.entries({ ...pool.limits, ...pool.used }).map(([resource]) => (
        <Bar
          key={resource}
          resource={resource}
          used={pool.used[resource] ?? 0}
          limit={pool.limits[resource]}
        />
      ))}
      {pool.unhealthy !== null && <p class="bad">{escapeText(pool.unhealthy)}</p>}
      {pool.paused !== null && <p>{escapeText(pool.paused)}</p>}
      {pool.last_error !== null && <p class="bad">last error: {escapeText(pool.last_error)}</p>}
      <p class="labels">{escapeText(pool.labels.join(', '))}</p>
      {pool.draining ? (
        <Action name="undrain" run={() => act(`${path}/undrain`, `${name} is back in service`)} />
      ) : (
        <Action name="drain" run={() => act(`${path}/drain`, `${name} is being drained`)} />
      )}
    </section>
  );
}

function Bar({ resource, used, limit }: { resource: string; used: number; limit: number | undefined }) {
  return (
    <div class="bar">
      <span>{escapeText(resource)}</span>
      <meter min={0} max={limit ?? Math.max(used, 1)} value={used} />
      <span>
        {used} {limit === undefined ? '' : `of ${limit}`}
      </span>
    </div>
  );
}
