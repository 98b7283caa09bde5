import type { Node } from '../model/node.ts';

/** The query parameters by which nodes are chosen, each as often as wanted: `?state=ready&state=hold&label=debian`. */
export const NODE_FILTERS = ['state', 'label', 'provider', 'pool', 'tenant'] as const;

/** One value of each parameter that is given has to fit. The query is read once, for any number of nodes. */
export function nodeFilter(query: URLSearchParams): (node: Node) => boolean {
  const given = NODE_FILTERS.map((name) => ({ name, wanted: query.getAll(name) })).filter(
    ({ wanted }) => wanted.length > 0,
  );
  return (node) =>
    given.every(({ name, wanted }) => wanted.some((value) => valuesOf(node, name).includes(value)));
}

function valuesOf(node: Node, name: (typeof NODE_FILTERS)[number]): readonly (string | null)[] {
  switch (name) {
    case 'state':
      return [node.state];
    case 'label':
      return node.type;
    case 'provider':
      return [node.provider];
    case 'pool':
      return [node.pool];
    case 'tenant':
      return [node.tenantName];
  }
}
