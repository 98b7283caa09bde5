import type { Context, Span, Tracer } from '@opentelemetry/api';
import { nowS, type Clock } from '../clock.ts';
import type { Node } from '../model/node.ts';
import { BoundedMap } from './bounded-map.ts';
import type { RecordObserver } from './observed-store.ts';
import type { RequestSpans } from './request-spans.ts';
import { below, endSpan, failSpan, NOWHERE, startSpan } from './spans.ts';

export interface NodeSpans extends RecordObserver<Node> {
  /** For what is done to make the node. */
  contextOf(nodeId: string): Context | undefined;
  /** For what is done to remove the instance of a node; undefined where none is being deleted. */
  deletionOf(externalId: string): Context | undefined;
}

interface Deletion {
  span: Span;
  externalId: string | null;
}

/** Nodes that live, or are made or deleted at one moment. */
const MOST = 20_000;

/** `launch node`, from its record until it is ready, and `delete node`, from the decision until it is gone. */
export function createNodeSpans(tracer: Tracer, requests: RequestSpans, clock: Clock): NodeSpans {
  const launches = new BoundedMap<string, Span>(MOST);
  /** Outlive the launch, for the end of the node. */
  const contexts = new BoundedMap<string, Context>(MOST);
  const deletions = new BoundedMap<string, Deletion>(MOST);
  const deletionsByInstance = new BoundedMap<string, Span>(MOST);

  const endLaunch = (id: string, finish: (span: Span) => void) => {
    const span = launches.get(id);
    launches.delete(id);
    if (span) finish(span);
  };
  const beginDeletion = (id: string, node: Node) => {
    if (deletions.has(id)) return;
    const span = startSpan(tracer, 'delete node', {
      startS: node.stateTimeS,
      parent: contexts.get(id) ?? NOWHERE,
      attributes: attributesOf(id, node),
    });
    deletions.set(id, { span, externalId: node.externalId });
    if (node.externalId !== null) deletionsByInstance.set(node.externalId, span);
  };

  return {
    contextOf: (nodeId) => contexts.get(nodeId),
    deletionOf(externalId) {
      const span = deletionsByInstance.get(externalId);
      return span && below(span);
    },
    created(id, node) {
      const span = startSpan(tracer, 'launch node', {
        startS: node.createdTimeS ?? node.stateTimeS,
        parent: requests.contextOf(node.allocatedTo ?? '') ?? NOWHERE,
        attributes: attributesOf(id, node),
      });
      launches.set(id, span);
      contexts.set(id, below(span));
    },
    locked(id, node) {
      if (node.state === 'deleting') beginDeletion(id, node);
    },
    written(id, before, after) {
      const { state, stateTimeS: timeS } = after;
      if (before.state === state || state === 'building') return;
      endLaunch(id, (span) => {
        if (after.externalId !== null) span.setAttribute('nodepool.external_id', after.externalId);
        if (state === 'ready') endSpan(span, timeS);
        else failSpan(span, timeS, `the node became ${state}`, state);
      });
      if (state === 'deleting') beginDeletion(id, after);
    },
    lost: (id) => endLaunch(id, (span) => failSpan(span, nowS(clock), 'the node was removed', 'lost')),
    removed(id) {
      endLaunch(id, (span) => failSpan(span, nowS(clock), 'the node was removed', 'lost'));
      contexts.delete(id);
      const deletion = deletions.get(id);
      if (!deletion) return;
      deletions.delete(id);
      if (deletion.externalId !== null) deletionsByInstance.delete(deletion.externalId);
      endSpan(deletion.span, nowS(clock));
    },
  };
}

function attributesOf(id: string, node: Node) {
  return {
    'nodepool.node.id': id,
    'nodepool.node.labels': node.type,
    'nodepool.request.id': node.allocatedTo,
    'nodepool.provider': node.provider,
    'nodepool.pool': node.pool,
    'nodepool.external_id': node.externalId,
  };
}
