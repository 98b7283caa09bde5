/** Reads what the agent's `list` prints. */
import type { Mark } from './mark.ts';

export interface Found {
  id: string;
  mark: Mark;
  /** `creating` is neither running nor dead yet. */
  state: 'running' | 'creating' | 'dead';
  port: number | undefined;
}

/**
 * Lines `<id> TAB <state> TAB <port> TAB <mark as JSON>`, one for each bundle; then, only when there are containers
 * without a bundle, runC's own list as one line of JSON. What carries no mark of ours is left out.
 */
export function readListing(text: string, base: string): Found[] {
  const lines = text.split('\n');
  const bundles = lines.flatMap(readBundle);
  const known = new Set(bundles.map(({ id }) => id));
  const strays = lines.filter((line) => line.startsWith('[')).flatMap((line) => readStrays(line, base));
  return [...bundles, ...strays.filter(({ id }) => !known.has(id))];
}

function readBundle(line: string): Found[] {
  const [id = '', state = '', port = '', json = ''] = line.split('\t');
  const mark = readMark(json);
  if (mark === undefined) return [];
  return [{ id, mark, state: state as Found['state'], port: port === '' ? undefined : Number(port) }];
}

/** Containers whose bundle was below `base` until somebody removed it. */
function readStrays(json: string, base: string): Found[] {
  const containers = (parse(json) ?? []) as {
    id: string;
    status: string;
    bundle: string;
    annotations?: Record<string, string>;
  }[];
  return containers.flatMap(({ id, status, bundle, annotations = {} }) => {
    const provider = annotations['org.nodepool.provider'];
    const nodeId = annotations['org.nodepool.node'];
    if (provider === undefined || nodeId === undefined || bundle !== `${base}/${id}`) return [];
    const mark: Mark = {
      provider,
      nodeId,
      pool: annotations['org.nodepool.pool'] ?? '',
      requestId: annotations['org.nodepool.request'] ?? '',
      label: annotations['org.nodepool.label'] ?? '',
    };
    return [
      { id, mark, state: status === 'running' ? ('running' as const) : ('dead' as const), port: undefined },
    ];
  });
}

function readMark(json: string): Mark | undefined {
  const mark = parse(json) as Partial<Mark> | undefined;
  return typeof mark?.provider === 'string' && typeof mark.nodeId === 'string' ? (mark as Mark) : undefined;
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
