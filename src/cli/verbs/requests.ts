import { parseCount, parseDuration } from '../duration.ts';
import type { Verb, VerbOption } from '../verb.ts';

const TIMEOUT: VerbOption = {
  flags: '--timeout <duration>',
  description: 'how long to wait for the nodes: 90, 10m (default: 600)',
  parse: parseDuration,
};

export const requestVerbs: readonly Verb[] = [
  {
    name: 'run',
    group: 'Requests',
    summary: 'run a command on a fresh node',
    description:
      'Requests a node, runs the command on it over SSH, passes its output and exit code on, and frees the node. ' +
      'Without a command it opens a shell. A single word is a line for the remote shell; several words are a program ' +
      'and its arguments, which arrive as they are.\n\n' +
      'Exit codes: that of the command (the largest, with several nodes); 124 when no node came in time; 125 when ' +
      'nodepool failed: request refused, no connection, connection or lock lost; 128+n when signal n stopped it.',
    arguments: '<label>',
    takesCommand: true,
    options: [
      {
        flags: '--nodes <n>',
        description: 'that many nodes of the label, all running the command',
        parse: parseCount,
      },
      TIMEOUT,
      { flags: '--hold-on-failure', description: 'keep a node on which the command failed' },
      { flags: '--reason <text>', description: 'why it is kept, shown by list --detail' },
      { flags: '-i, --identity <file>', description: 'private key (also: NODEPOOL_SSH_KEY)' },
    ],
    examples: [
      ['run debian -- uname -a', 'a program with arguments'],
      ["run debian -- 'cd /tmp && ls | wc -l'", 'a line for the shell'],
      ['run debian', 'a shell; the node goes when it ends'],
      ['run debian --nodes 3 -- hostname', 'on three nodes at once'],
      [
        'run debian --hold-on-failure --reason "flaky test" -- ./test.sh',
        'keep the node for a look when it fails',
      ],
    ],
    load: () => import('../run.ts'),
  },
  {
    name: 'request',
    group: 'Requests',
    summary: 'request nodes and keep them',
    description:
      'Requests one node for each label, all from the same pool, and prints the id of the request. The nodes stay ' +
      'until they are released, also after this command has ended. With --wait it prints the nodes and their ' +
      'connections when they are there, and withdraws the request when it fails or takes too long (exit code 124).',
    arguments: '<label...>',
    options: [{ flags: '--wait', description: 'wait until the nodes are there' }, TIMEOUT],
    examples: [
      ['request debian', 'prints 200-0000000017'],
      ['request debian debian --wait', 'two nodes; waits for them'],
      ['request debian --wait --format json', 'with addresses and host keys, for programs'],
    ],
    load: () => import('../request.ts'),
  },
  {
    name: 'release',
    group: 'Requests',
    summary: 'give back what request got',
    description:
      'Gives back all nodes of a request, or withdraws it while it waits; or gives back one of its nodes.',
    arguments: '<id>',
    examples: [
      ['release 200-0000000017', 'the request and all its nodes'],
      ['release 0000000012', 'one node'],
    ],
    load: () => import('../release.ts'),
  },
  {
    name: 'request-list',
    group: 'Requests',
    summary: 'list the node requests and why they wait',
    description:
      'Lists all node requests, ordered by id. The last column says why a request waits; explain says more.',
    examples: [
      ['request-list', 'requests and reasons'],
      ['request-list --format json', 'for programs'],
    ],
    load: () => import('../request-list.ts'),
  },
  {
    name: 'explain',
    group: 'Requests',
    summary: 'say why a request waits',
    description:
      'Says in plain words why a request waits and what can be done, then for every pool whether it declined, ' +
      'deferred, is at quota, paused, unhealthy, draining or launching, with the figures and its last error.',
    arguments: '<request-id>',
    examples: [
      ['explain 200-0000000017', 'why is my job still waiting?'],
      ['explain 200-0000000017 --format json', 'for programs'],
    ],
    load: () => import('../explain.ts'),
  },
];
