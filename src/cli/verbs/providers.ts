import type { Verb } from '../verb.ts';

export const providerVerbs: readonly Verb[] = [
  {
    name: 'provider-list',
    group: 'Providers',
    summary: 'list the providers and whether they can be used',
    description:
      'Lists the providers that running launchers serve, with what keeps them from it: a cloud that does not let us ' +
      'in, a host that does not answer, a label whose image or flavor is missing, a full quota.',
    examples: [
      ['provider-list', 'is everything in order?'],
      ['provider-list --format json', 'for monitoring'],
    ],
    load: () => import('../provider-list.ts'),
  },
  {
    name: 'provider-check',
    group: 'Providers',
    summary: 'try a provider from here',
    description:
      'Tries what nodes of the provider need, with the configuration alone, and prints one line each. For OpenStack: ' +
      'clouds.yaml, authentication, quota, image and flavor of every label, networks, and whether the security group ' +
      'lets this host in on ports 22 and 19885. Exit code 1 when something is missing.',
    arguments: '<provider>',
    examples: [
      ['provider-check mycloud', 'after a change of clouds.yaml'],
      ['--debug provider-check mycloud', 'with every call'],
    ],
    load: () => import('../provider-check.ts'),
  },
  {
    name: 'drain',
    group: 'Providers',
    summary: 'take a provider or a pool out of service',
    description:
      'No new nodes there from now on; those in use finish. Stays in force, also over restarts, until undrain. ' +
      'With --wait it returns when no node is in use any more, so that a hypervisor can be taken down.',
    arguments: '<provider> [pool]',
    options: [{ flags: '--wait', description: 'wait until no node is in use, showing progress' }],
    examples: [
      ['drain managed-runc-provider hv1 --wait', 'then: maintenance of hv1 without losing a job'],
      ['drain cloud-a', 'all pools of a provider'],
    ],
    load: () => import('../drain.ts'),
  },
  {
    name: 'undrain',
    group: 'Providers',
    summary: 'take it back into service',
    description: 'Ends what drain began, with the same names.',
    arguments: '<provider> [pool]',
    examples: [['undrain managed-runc-provider hv1', 'hv1 takes nodes again']],
    load: () => import('../undrain.ts'),
  },
  {
    name: 'info',
    group: 'Providers',
    summary: 'show what is stored about a provider',
    description:
      'Shows the pools of a provider as running launchers report them, and its nodes with their server ids.',
    arguments: '<provider>',
    examples: [['info managed-runc-provider', 'health, use and limits of its pools; its nodes']],
    load: () => import('../info.ts'),
  },
  {
    name: 'erase',
    group: 'Providers',
    summary: 'remove the records of a provider or pool',
    description:
      'Removes every stored record of a provider, or of one pool, that is not configured any more. Nothing is deleted in ' +
      'the provider itself. Asks first, unless --force is given.',
    arguments: '<provider> [pool]',
    options: [{ flags: '--force', description: 'do not ask' }],
    examples: [
      ['erase old-cloud', 'asks, then removes'],
      ['erase farm hv2.example.net', 'of a pool whose machine is gone'],
      ['erase --force old-cloud', 'for scripts'],
    ],
    load: () => import('../erase.ts'),
  },
];

export const configurationVerbs: readonly Verb[] = [
  {
    name: 'config-validate',
    group: 'Configuration',
    summary: 'check the configuration',
    description:
      'Checks nodepool.yaml, and secure.conf when -s is given, and prints every mistake with file, line, key, what was ' +
      'expected and what was found. Contacts no provider and no store. Exit code 1 when there is a mistake. With ' +
      '--config-repo it checks a config repository before its change is merged: all files of nodepool/, together.',
    arguments: '[file]',
    options: [
      { flags: '--config-repo <dir>', description: 'check this config repository instead of a file' },
      { flags: '--base <file>', description: 'with --config-repo: what the files are merged into' },
      {
        flags: '--launchers <names>',
        description: 'with --config-repo: the names that launcher-host may have, with commas between',
        parse: (text) => text.split(',').filter(Boolean),
      },
    ],
    examples: [
      ['config-validate', 'the file that the launcher uses'],
      ['config-validate ./nodepool.yaml', 'another one'],
      ['-c ./nodepool.yaml -s ./secure.conf config-validate', 'with its secure file'],
      ['config-validate --config-repo .', 'in a clone of the config repository'],
    ],
    load: () => import('../config-validate.ts'),
  },
];
