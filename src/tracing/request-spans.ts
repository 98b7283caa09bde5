import type { Context, Span, Tracer } from '@opentelemetry/api';
import { nowS, type Clock } from '../clock.ts';
import type { NodeRequest } from '../model/request.ts';
import { BoundedMap } from './bounded-map.ts';
import type { RecordObserver } from './observed-store.ts';
import { remoteParentOf } from './remote-parent.ts';
import { below, belowRemote, endSpan, failSpan, startSpan } from './spans.ts';

export interface RequestSpans extends RecordObserver<NodeRequest> {
  /** For what is done for a request; undefined where this process does not serve it. */
  contextOf(requestId: string): Context | undefined;
}

interface Seen {
  value: NodeRequest;
  /** Begun when this process does something for the request. */
  span?: Span;
}

/** Requests that are looked at or served at one moment. */
const MOST = 10_000;

/** `node request`, from its making until it is fulfilled or has failed, and `waiting` below it, until a pool took it. */
export function createRequestSpans(tracer: Tracer, clock: Clock): RequestSpans {
  const seen = new BoundedMap<string, Seen>(MOST);

  const begin = (id: string, request: Seen): Span =>
    (request.span ??= startSpan(tracer, 'node request', {
      startS: madeS(request.value),
      parent: belowRemote(remoteParentOf(request.value.requestorData)),
      attributes: {
        'nodepool.request.id': id,
        'nodepool.request.labels': request.value.nodeTypes,
        'nodepool.request.requestor': request.value.requestor,
        'nodepool.request.event_id': request.value.eventId,
        'nodepool.tenant': request.value.tenantName,
      },
    }));
  const waited = (span: Span, { value }: Seen, untilS: number) =>
    endSpan(
      startSpan(tracer, 'waiting', { startS: madeS(value), parent: below(span), attributes: {} }),
      untilS,
    );
  const end = (id: string, finish: (span: Span) => void) => {
    const request = seen.get(id);
    seen.delete(id);
    if (request?.span) finish(request.span);
  };

  return {
    contextOf(requestId) {
      const request = seen.get(requestId);
      return request && below(begin(requestId, request));
    },
    created: () => undefined,
    locked: (id, value) => void seen.set(id, { value }),
    written(id, before, after) {
      const request = seen.get(id) ?? { value: before };
      const { state, stateTimeS: timeS } = after;
      if (before.state === state) return;
      if (before.state === 'requested') waited(begin(id, request), request, timeS);
      if (state === 'pending') return void seen.set(id, request);
      end(id, (span) => {
        span.setAttribute('nodepool.request.state', state);
        if (state === 'fulfilled') span.setAttribute('nodepool.nodes', after.nodes);
        if (state === 'failed') failSpan(span, timeS, 'every pool has declined it', 'declined');
        else endSpan(span, timeS);
      });
    },
    lost: (id) =>
      end(id, (span) => failSpan(span, nowS(clock), 'cancelled, or lost to another launcher', 'lost')),
    removed: (id) => end(id, (span) => failSpan(span, nowS(clock), 'cancelled', 'lost')),
  };
}

function madeS({ createdTimeS, stateTimeS }: NodeRequest): number {
  return createdTimeS ?? stateTimeS;
}
