/** Records as version 1 of the API shows them; docs/http-api.md and the OpenAPI document describe every field. */
import type { Node } from '../model/node.ts';
import type { PoolStatus } from '../model/pool-status.ts';
import type { NodeRequest } from '../model/request.ts';
import { connectionCommand, portNumber, sshTarget } from '../operator/connection.ts';
import { summarise } from '../operator/summary.ts';
import { askPools, drainsOf, type Facts } from '../operator/why.ts';
import type { Entry } from '../store/store.ts';

export function nodeJson(entry: Entry<Node>): string {
  return JSON.stringify(nodeRecord(entry));
}

export function nodeRecord(entry: Entry<Node>) {
  const { id, version, locked, value } = entry;
  const target = sshTarget(entry);
  return {
    id,
    version,
    state: value.state,
    state_time: value.stateTimeS,
    created_time: value.createdTimeS,
    locked,
    provider: value.provider,
    pool: value.pool,
    labels: value.type,
    server_id: value.externalId,
    hostname: value.hostname,
    interface_ip: value.interfaceIp,
    public_ipv4: value.publicIpv4,
    private_ipv4: value.privateIpv4,
    public_ipv6: value.publicIpv6,
    az: value.az,
    connection_type: value.connectionType,
    connection_port: portNumber(value.connectionPort) ?? null,
    username: value.username,
    ssh: target ? connectionCommand(target) : null,
    allocated_to: value.allocatedTo,
    requestor: value.requestor,
    tenant: value.tenantName,
    launcher: value.launcher,
    hold_job: value.holdJob,
    comment: value.comment,
    hold_expires_time: holdExpiry(value),
    resources: value.resources ?? {},
  };
}

/** Unix seconds; null for a node that is not held, or held without a limit of its own. */
function holdExpiry({ state, stateTimeS, holdExpirationS }: Node): number | null {
  return state === 'hold' && holdExpirationS !== null && holdExpirationS > 0
    ? stateTimeS + holdExpirationS
    : null;
}

/** With the short reason why it waits or has failed; null for one that is fulfilled. */
export function requestRecord(entry: Entry<NodeRequest>, facts: Facts, nowS: number) {
  const { id, version, locked, value } = entry;
  return {
    id,
    version,
    state: value.state,
    state_time: value.stateTimeS,
    created_time: value.createdTimeS,
    locked,
    labels: value.nodeTypes,
    nodes: value.nodes,
    requestor: value.requestor,
    tenant: value.tenantName,
    provider: value.provider,
    relative_priority: value.relativePriority,
    event_id: value.eventId,
    declined_by: value.declinedBy,
    reason: value.state === 'fulfilled' ? null : summarise(entry, askPools(entry, facts), nowS),
  };
}

/** What a running launcher says about one of its pools, and the drains that hold for it. */
export function poolRecord({ id, version, value }: Entry<PoolStatus>, facts: Pick<Facts, 'drains'>) {
  const drains = drainsOf(value, facts.drains);
  return {
    id,
    version,
    provider: value.provider,
    pool: value.pool,
    launcher: value.launcherId,
    driver: value.driver,
    labels: value.labels,
    unhealthy: value.unhealthy,
    unready: value.unready,
    paused: value.paused,
    draining: value.draining || drains.length > 0,
    provider_drained: drains.some(({ pool }) => pool === null),
    launching: value.launching,
    used: value.used,
    limits: value.limits,
    last_error: value.lastError,
    last_error_time: value.lastErrorTimeS,
  };
}

export type NodeRecord = ReturnType<typeof nodeRecord>;
export type RequestRecord = ReturnType<typeof requestRecord>;
export type PoolRecord = ReturnType<typeof poolRecord>;
