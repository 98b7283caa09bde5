/** The answer to "why does it wait?" in plain words, and what can be done about it. Pure. */
import type { Node } from '../model/node.ts';
import { compareRequests, type NodeRequest } from '../model/request.ts';
import type { Resources } from '../model/resources.ts';
import type { Entry } from '../store/store.ts';
import { formatSpan } from './cell.ts';
import { REQUESTOR } from './requestor.ts';
import { drainsOf, poolKey, registeredPools, type Facts, type PoolAnswer, type Status } from './why.ts';

/** Facts for advice: who has the room, and who is first in line. */
export interface MoreFacts extends Facts {
  nodes: readonly Entry<Node>[];
  requests: readonly Entry<NodeRequest>[];
}

/** One sentence, without its capital letter and full stop. */
export function summarise(request: Entry<NodeRequest>, answers: readonly PoolAnswer[], nowS: number): string {
  const { state, stateTimeS, nodes } = request.value;
  const since = formatSpan(nowS - stateTimeS);
  if (state === 'fulfilled')
    return `fulfilled ${since} ago with ${nodes.join(', ')}${isOurs(request) ? '' : '; the requestor has to take it'}`;
  if (state === 'failed') return `failed: ${sayDeclines(request, answers)}`;
  if (answers.length === 0) return 'no launcher is running on this state';
  const main = mostHopeful(answers);
  return main.length > 0 ? sayMain(main) : `about to fail: ${sayDeclines(request, answers)}`;
}

/** What to do next, one step an item; empty when there is nothing to do but to wait. */
export function advise(
  request: Entry<NodeRequest>,
  answers: readonly PoolAnswer[],
  facts: MoreFacts,
  nowS: number,
): string[] {
  const { state } = request.value;
  if (state === 'fulfilled')
    return isOurs(request) ? [`nodepool release ${request.id} gives back what it got`] : [];
  if (answers.length === 0 && state !== 'failed') {
    return ['start nodepool-launcher with the same configuration file, or look into its log'];
  }
  const main = mostHopeful(answers);
  if (state === 'failed' || main.length === 0) return adviseFailed(request, facts);
  const waitsForRoom = main.some(({ status }) => status === 'at quota' || status === 'paused');
  return [
    ...(waitsForRoom ? sayAhead(request, facts.requests) : []),
    ...new Set(main.flatMap((answer) => adviseFor(answer, facts, nowS))),
  ];
}

/** Made with `nodepool request`, whose nodes are used without being taken. */
function isOurs({ value }: Entry<NodeRequest>): boolean {
  return value.requestor?.startsWith(REQUESTOR) === true;
}

/** The pools whose status comes first in the order of hope. */
function mostHopeful(answers: readonly PoolAnswer[]): PoolAnswer[] {
  const first = HOPES.find((status) => answers.some((answer) => answer.status === status));
  return answers.filter((answer) => answer.status === first);
}

const HOPES: readonly Status[] = [
  'launching',
  'at quota',
  'paused',
  'undecided',
  'deferred',
  'unhealthy',
  'draining',
];

function sayMain(answers: readonly PoolAnswer[]): string {
  const [first] = answers as [PoolAnswer];
  const where = `${poolKey(first)}${answers.length === 1 ? '' : ` (and ${answers.length - 1} more)`}`;
  switch (first.status) {
    case 'launching':
      return `being served in ${where}: ${first.reason}`;
    case 'at quota':
    case 'paused':
      return `waiting for room in ${where}: ${first.reason}`;
    case 'undecided':
    case 'deferred':
      return `waiting for ${where}: ${first.reason}`;
    case 'draining':
      return `waiting for ${where}, which ${first.reason}`;
    case 'unhealthy':
    case 'declined':
    case 'no label':
    case 'served':
    case 'not needed':
      return `waiting for ${where}, ${first.status}: ${first.reason}`;
  }
}

function sayDeclines(request: Entry<NodeRequest>, answers: readonly PoolAnswer[]): string {
  const unknown = [...new Set(request.value.nodeTypes)].filter(
    (label) => answers.length > 0 && answers.every((answer) => answer.missing.includes(label)),
  );
  if (unknown.length > 0) return `no pool has the label ${unknown.join(', ')}`;
  const declined = answers.filter(({ status }) => status === 'declined');
  if (declined.length === 0) {
    const lacking = answers.every(({ missing }) => missing.length > 0);
    return lacking ? 'no pool has all of its labels' : 'its launcher has recorded no reason';
  }
  return declined.map((answer) => `${poolKey(answer)}: ${answer.reason}`).join('; ');
}

function adviseFailed(request: Entry<NodeRequest>, facts: Facts): string[] {
  const known = [...new Set(registeredPools(facts).flatMap((pool) => pool.labels))].sort();
  const unknown = request.value.nodeTypes.filter((label) => known.length > 0 && !known.includes(label));
  if (unknown.length > 0) return [`the labels that can be had are: ${known.join(', ')}`];
  return [`the launcher's log has the details: grep it for ${request.id}; then ask again`];
}

function adviseFor(answer: PoolAnswer, { nodes, drains }: MoreFacts, nowS: number): string[] {
  switch (answer.status) {
    case 'at quota':
    case 'paused':
      return sayOccupants(answer, nodes, nowS);
    case 'draining':
      return drainsOf(answer, drains).map(
        ({ provider, pool }) =>
          `nodepool undrain ${provider}${pool === null ? '' : ` ${pool}`} takes it back into service`,
      );
    case 'unhealthy':
      return [`${poolKey(answer)} goes on by itself as soon as that is repaired`];
    case 'launching':
    case 'deferred':
      return answer.lastError ? [`the last error there was: ${answer.lastError}`] : [];
    case 'undecided':
    case 'declined':
    case 'no label':
    case 'served':
    case 'not needed':
      return [];
  }
}

function sayAhead(request: Entry<NodeRequest>, requests: readonly Entry<NodeRequest>[]): string[] {
  const ahead = requests.filter(
    (other) => other.value.state === 'requested' && compareRequests(other, request) < 0,
  ).length;
  return ahead === 0 ? [] : [`${ahead} ${ahead === 1 ? 'request is' : 'requests are'} ahead of it`];
}

/** Who has the room: held nodes first, since a person can give them back, then the oldest. */
function sayOccupants(answer: PoolAnswer, all: readonly Entry<Node>[], nowS: number): string[] {
  const where = poolKey(answer);
  const nodes = all
    .filter(({ value }) => value.provider === answer.provider && value.pool === answer.pool)
    .sort((a, b) => a.value.stateTimeS - b.value.stateTimeS);
  const held = nodes.filter(({ value }) => value.state === 'hold');
  const oldest = nodes.find(
    ({ value }) => value.state === 'in-use' || (value.state === 'ready' && value.allocatedTo !== null),
  );
  const lines: string[] = [];
  if (held[0]) {
    lines.push(`${held.length} held in ${where}, the longest: ${describe(held[0], nowS)}`);
    lines.push(`nodepool delete ${held[0].id} gives its room back`);
  }
  if (oldest) lines.push(`oldest node in use in ${where}: ${describe(oldest, nowS)}`);
  return lines;
}

function describe({ id, value }: Entry<Node>, nowS: number): string {
  const who = value.comment ?? value.requestor;
  return `${id} for ${formatSpan(nowS - value.stateTimeS)}${who ? `, ${who}` : ''}`;
}

/** `'10 of 10 instances, 3 of 8 cores'` */
export function formatUse(used: Resources, limits: Resources): string {
  const names = [...new Set([...Object.keys(limits), ...Object.keys(used)])];
  return names
    .map((name) => {
      const limit = limits[name];
      return limit === undefined ? `${used[name] ?? 0} ${name}` : `${used[name] ?? 0} of ${limit} ${name}`;
    })
    .join(', ');
}
