/** Linux allows host names of this length (`__NEW_UTS_LEN`); the id is the container's host name. */
export const LONGEST_ID = 64;
/** The label tells people what they look at; this much of it stays when room is short. */
const SHORTEST_LABEL = 8;

export interface IdParts {
  nodeId: string;
  label: string;
  requestId: string;
  /** Counts from 1. */
  attempt: number;
}

/**
 * Name of a container: runC id, directory of its bundle, host name inside, and external id of the node.
 * `0000000412-runc-centos-200-0000000017`, with `-2` behind it at the second attempt. Made of letters, digits, `.` and
 * `-` only, at most 64 of them; the node id is never shortened, so that the name stays unique.
 */
export function makeContainerId({ nodeId, label, requestId, attempt }: IdParts): string {
  const node = clean(nodeId).slice(0, LONGEST_ID / 2);
  const suffix = attempt > 1 ? `-${attempt}` : '';
  const room = LONGEST_ID - node.length - suffix.length - 2;
  const request = clean(requestId).slice(0, Math.max(0, room - SHORTEST_LABEL));
  const shortLabel = clean(label).slice(0, room - request.length);
  return [node, trim(shortLabel), trim(request)].filter((part) => part !== '').join('-') + suffix;
}

/** What runC ids and host names both allow; a name starts and ends with a letter or digit. */
function clean(text: string): string {
  return trim(text.normalize('NFKD').replace(/[^A-Za-z0-9.-]+/g, '-')) || 'x';
}

function trim(text: string): string {
  return text.replace(/^[.-]+|[.-]+$/g, '');
}
