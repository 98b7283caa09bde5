import type { Node } from '../model/node.ts';

/** The node without the request that it was for: anybody's, and on no tenant's account. */
export function freed(node: Node): Node {
  return { ...node, allocatedTo: null, tenantName: null };
}
