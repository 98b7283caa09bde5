import { parseDuration } from '../duration.ts';
import type { Verb } from '../verb.ts';

export const nodeVerbs: readonly Verb[] = [
  {
    name: 'overview',
    group: 'Nodes',
    summary: 'show nodes, requests and images at once',
    description:
      'Shows several lists by one command, those that are named or all: nodes as list does, requests as request-list, ' +
      'builds as dib-image-list and images as image-list. As JSON it is one object, in which each list has its name as the key.',
    arguments: '[list...]',
    examples: [
      ['overview', 'how is it all?'],
      ['overview nodes requests', 'these alone'],
      ['overview nodes requests --format json', 'for programs'],
    ],
    load: () => import('../overview.ts'),
  },
  {
    name: 'list',
    group: 'Nodes',
    summary: 'list the nodes and their states',
    description:
      'Lists all nodes, ordered by id. Age is the time since the state last changed, as DD:HH:MM:SS. ' +
      'A locked node is being worked with: by its launcher, or by the job that has it.',
    options: [{ flags: '--detail', description: 'all columns, the last one a connection ready to paste' }],
    examples: [
      ['list', 'nodes and their states'],
      ['list --detail | grep "my reason"', 'where is the node that was held for this reason?'],
      ['list --format json', 'for programs'],
    ],
    load: () => import('../list.ts'),
  },
  {
    name: 'hold',
    group: 'Nodes',
    summary: 'keep a node for people',
    description:
      'Puts a node on hold: no job gets it and nothing deletes it until it is deleted by hand, or the hold or ' +
      'max-hold-age is over. A node that a job uses cannot be held; the command waits 5 s for it.',
    arguments: '<node-id>',
    options: [
      { flags: '--reason <text>', description: 'why, shown by list --detail' },
      { flags: '--for <duration>', description: 'how long: 90, 30m, 8h, 2d', parse: parseDuration },
    ],
    examples: [
      ['hold 0000000012', 'keep the node'],
      ['hold 0000000012 --reason "disk full again" --for 8h', 'say why, and give it back after 8 hours'],
    ],
    load: () => import('../hold.ts'),
  },
  {
    name: 'delete',
    group: 'Nodes',
    summary: 'delete nodes',
    description:
      'Marks nodes for deletion; the launcher removes the instance and then the record. Held nodes too. A node that a ' +
      'job uses is refused after 5 s. When one of several cannot be deleted, the others still are and the exit code is 1.',
    arguments: '<node-id...>',
    options: [
      {
        flags: '--now',
        description:
          'remove the instance in the foreground, without a launcher; needs the provider in the configuration',
      },
    ],
    examples: [
      ['delete 0000000012', 'the launcher deletes it'],
      ['delete 0000000012 0000000013', 'several at once'],
      ['delete --now 0000000012', 'gone when the command returns'],
    ],
    load: () => import('../delete.ts'),
  },
  {
    name: 'ssh',
    group: 'Nodes',
    summary: 'open a shell on a node',
    description:
      "Opens a shell on any node that has an address, or runs a command, with the system's ssh: right port, user and " +
      'key, and the host key checked against the one that the launcher recorded. Takes no lock: the job that has the ' +
      "node goes on. The exit code is ssh's.",
    arguments: '<node-id>',
    takesCommand: true,
    options: [
      { flags: '-i, --identity <file>', description: 'private key' },
      { flags: '-t, --tty', description: 'a terminal for the command' },
    ],
    examples: [
      ['ssh 0000000012', 'a shell'],
      ['ssh 0000000012 -- tail -f /var/log/syslog', 'one command'],
      ['ssh 0000000012 -t -- top', 'one that draws on the terminal'],
    ],
    load: () => import('../ssh.ts'),
  },
];
