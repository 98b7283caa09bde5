import { generation, now, records } from './live.ts';
import { linkTo, place } from './place.ts';
import { VirtualList } from './virtual.tsx';
import { escapeText, formatSpan } from '../../operator/cell.ts';
import { matches } from './words.ts';

/** Requests in their order, each with the reason why it waits. */
export function Requests() {
  void generation.value;
  const { query } = place.value;
  const [state, search] = [query.get('state'), query.get('q') ?? ''];
  const rows = [...records.requests.values()]
    .filter(
      (request) =>
        (!state || request.state === state) &&
        (search === '' ||
          matches(search, [request.id, request.state, request.requestor, request.reason, ...request.labels])),
    )
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  return (
    <>
      <p class="found">
        {rows.length} of {records.requests.size} requests:{' '}
        {['requested', 'pending', 'fulfilled', 'failed'].map((name) => (
          <a key={name} class={name === state ? 'chosen' : ''} href={linkTo('requests', { state: name })}>
            {name}
          </a>
        ))}{' '}
        {state && <a href={linkTo('requests')}>show all</a>}
      </p>
      <VirtualList
        rows={rows}
        label="requests"
        row={(request) => (
          <>
            <span class="id">{request.id}</span>
            <span class={`state state-${request.state}`}>{request.state}</span>
            <span class="age">{formatSpan(now.value - (request.created_time ?? request.state_time))}</span>
            <span class="grow">{escapeText(request.labels.join(', '))}</span>
            <span class="grow wide">{escapeText(request.requestor ?? '')}</span>
            <span class="reason" title={request.reason ?? ''}>
              {escapeText(request.reason ?? '')}
            </span>
          </>
        )}
      />
    </>
  );
}
