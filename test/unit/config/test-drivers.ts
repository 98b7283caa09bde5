/** Drivers as far as the configuration is concerned: one with its own checks, one with machines, one with nothing. */
import type { ConfigDriver } from '../../../src/config/providers.ts';
import {
  absolutePath,
  flag,
  list,
  providerSchema,
  section,
  stringOrStrings,
  text,
} from '../../../src/config/schema.ts';

const runc: ConfigDriver = {
  name: 'runc',
  aliases: ['runC'],
  schema: providerSchema({
    provider: { 'zuul-console-dir': { ...absolutePath, default: '/tmp' } },
    pool: { 'host-key': stringOrStrings },
    label: {
      path: { ...text, default: '/' },
      username: { ...text, default: 'zuul' },
      'home-dir': absolutePath,
      'rw-overlay': { ...flag, default: false },
    },
    requires: { provider: ['pools'], pool: ['labels'] },
  }),
  check(provider, report) {
    for (const [poolIndex, pool] of [...provider.pools.values()].entries()) {
      for (const [labelIndex, label] of [...pool.labels.values()].entries()) {
        const path = String(label.options.path);
        const where = `pools[${poolIndex}].labels[${labelIndex}].path`;
        if (!path.startsWith('/')) report(where, 'an absolute path', `"${path}"`);
        if (path.includes('..')) report(where, 'a path without ".."', `"${path}"`);
      }
    }
  },
};

const statically: ConfigDriver = {
  name: 'static',
  schema: providerSchema({
    pool: {
      nodes: list(
        section(
          {
            name: text,
            labels: stringOrStrings,
            username: text,
            'max-parallel-jobs': { type: 'integer', default: 1 },
          },
          ['name', 'labels'],
        ),
      ),
    },
    label: null,
    requires: { pool: ['nodes'] },
  }),
};

const fake: ConfigDriver = {
  name: 'fake',
  schema: providerSchema({ provider: { diskimages: list(section({ name: text, pause: flag }, ['name'])) } }),
};

export const drivers: readonly ConfigDriver[] = [fake, runc, statically];
