/** How to reach a node over SSH, as its record says. */
import type { Entry } from '../store/store.ts';
import type { Node } from '../model/node.ts';
import { quoteWord } from '../shell.ts';

export interface SshTarget {
  nodeId: string;
  host: string;
  port: number;
  username: string;
  /** `['ssh-ed25519 AAAA…']`; empty where the operator switched host key checking off. */
  hostKeys: readonly string[];
}

/** Undefined while the node has no address, and for nodes that are not reached over SSH. */
export function sshTarget(entry: Entry<Node>): SshTarget | undefined {
  const node = entry.value;
  const host = node.interfaceIp ?? node.publicIpv4 ?? node.privateIpv4 ?? node.publicIpv6;
  const port = portNumber(node.connectionPort);
  if (!host || port === undefined) return undefined;
  if (node.connectionType !== null && !SSH_TYPES.has(node.connectionType)) return undefined;
  return { nodeId: entry.id, host, port, username: node.username ?? 'zuul', hostKeys: node.hostKeys };
}

const SSH_TYPES = new Set(['ssh', 'network_cli']);

/** Credentials may live in this field for drivers of others: anything but a port number is undefined. */
export function portNumber(stored: unknown): number | undefined {
  const port = typeof stored === 'number' || typeof stored === 'string' ? Number(stored) : NaN;
  return Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined;
}

/** Ready to paste: `ssh -p 22023 zuul-worker@10.77.0.11`. */
export function connectionCommand({ host, port, username }: Omit<SshTarget, 'nodeId' | 'hostKeys'>): string {
  const where = quoteWord(`${username}@${host}`);
  return port === 22 ? `ssh ${where}` : `ssh -p ${port} ${where}`;
}
