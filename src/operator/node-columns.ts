/** The columns of nodes. Headers, order and JSON keys are those that scripts and web clients rely on. */
import type { Node, NodeState } from '../model/node.ts';
import type { Entry } from '../store/store.ts';
import { cellText, formatAge } from './cell.ts';
import { connectionCommand, portNumber, sshTarget } from './connection.ts';
import type { Colour, Column } from './table.ts';

export type NodeColumn = Column<Entry<Node>>;

/** `list`: nine columns. */
export function nodeColumns(nowS: number): NodeColumn[] {
  return [
    { header: 'ID', key: 'id', value: (row) => row.id },
    { header: 'Provider', key: 'provider', value: ({ value }) => value.provider, flexible: true },
    { header: 'Label', key: 'label', value: ({ value }) => value.type, flexible: true },
    { header: 'Server ID', key: 'server_id', value: ({ value }) => value.externalId, flexible: true },
    { header: 'Public IPv4', key: 'public_ipv4', value: ({ value }) => value.publicIpv4 },
    { header: 'IPv6', key: 'ipv6', value: ({ value }) => value.publicIpv6 },
    {
      header: 'State',
      key: 'state',
      value: ({ value }) => value.state,
      colour: ({ value }) => COLOURS[value.state],
    },
    { header: 'Age', key: 'age', value: ({ value }) => formatAge(value.stateTimeS, nowS) },
    { header: 'Locked', key: 'locked', value: (row) => (row.locked ? 'locked' : 'unlocked') },
  ];
}

/** Twenty-one columns as they have always been; all of them also in `/node-list`. */
export function allNodeColumns(nowS: number): NodeColumn[] {
  return [
    ...nodeColumns(nowS),
    { header: 'Pool', key: 'pool', value: ({ value }) => value.pool, flexible: true },
    { header: 'Hostname', key: 'hostname', value: ({ value }) => value.hostname, flexible: true },
    { header: 'Private IPv4', key: 'private_ipv4', value: ({ value }) => value.privateIpv4 },
    { header: 'AZ', key: 'AZ', value: ({ value }) => value.az, flexible: true },
    { header: 'Username', key: 'username', value: ({ value }) => value.username },
    { header: 'Port', key: 'connection_port', value: ({ value }) => shownPort(value) },
    { header: 'Launcher', key: 'launcher', value: ({ value }) => value.launcher, flexible: true },
    { header: 'Allocated To', key: 'allocated_to', value: ({ value }) => value.allocatedTo },
    { header: 'Hold Job', key: 'hold_job', value: ({ value }) => value.holdJob, flexible: true },
    { header: 'Comment', key: 'comment', value: ({ value }) => value.comment, flexible: true },
    { header: 'User Data', key: 'user_data', value: ({ value }) => value.userData, flexible: true },
    { header: 'Driver Data', key: 'driver_data', value: ({ value }) => value.driverData, flexible: true },
  ];
}

/** `list --detail`: the twenty-one columns, then a connection to paste. */
export function detailColumns(nowS: number): NodeColumn[] {
  return [
    ...allNodeColumns(nowS),
    { header: 'Connection', key: 'connection', value: connection, text: (row) => cellText(connection(row)) },
  ];
}

/** JSON: every column of `--detail`, then the record's own values where a column shows something derived. */
export function jsonNodeColumns(nowS: number): NodeColumn[] {
  return [
    ...detailColumns(nowS),
    { header: '', key: 'state_time', value: ({ value }) => value.stateTimeS },
    { header: '', key: 'created_time', value: ({ value }) => value.createdTimeS },
    { header: '', key: 'interface_ip', value: ({ value }) => value.interfaceIp },
    { header: '', key: 'connection_type', value: ({ value }) => value.connectionType },
    { header: '', key: 'host_keys', value: ({ value }) => value.hostKeys },
    { header: '', key: 'hold_expiration', value: ({ value }) => value.holdExpirationS },
    { header: '', key: 'requestor', value: ({ value }) => value.requestor },
    { header: '', key: 'tenant_name', value: ({ value }) => value.tenantName },
    { header: '', key: 'resources', value: ({ value }) => value.resources },
    { header: '', key: 'attributes', value: ({ value }) => value.attributes },
  ];
}

const COLOURS: Readonly<Record<NodeState, Colour>> = {
  init: 'grey',
  building: 'yellow',
  testing: 'yellow',
  ready: 'green',
  'in-use': 'blue',
  used: 'grey',
  hold: 'yellow',
  failed: 'red',
  aborted: 'red',
  deleting: 'grey',
  deleted: 'grey',
};

function shownPort(node: Node): number | string {
  return portNumber(node.connectionPort) ?? 'redacted';
}

function connection(row: Entry<Node>): string | null {
  const target = sshTarget(row);
  return target ? connectionCommand(target) : null;
}
