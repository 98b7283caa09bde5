/** Identity of a container, kept with it on the hypervisor. */
export interface Mark {
  provider: string;
  pool: string;
  nodeId: string;
  requestId: string;
  label: string;
}

/** As the container's own annotations: `runc list --format json` shows them. */
export function annotationsOf(mark: Mark): Record<string, string> {
  return {
    'org.nodepool.provider': mark.provider,
    'org.nodepool.pool': mark.pool,
    'org.nodepool.node': mark.nodeId,
    'org.nodepool.request': mark.requestId,
    'org.nodepool.label': mark.label,
  };
}
