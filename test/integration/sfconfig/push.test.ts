/** What a push to the local config repository sets going, with real git hooks and playbooks over roles that only note. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { makeCollection, makeReadySite, skipAnsible } from '../../support/sfconfig-roles.ts';

t.test(
  'what is not merged yet reaches no host, what is merged does, and a refused push changes nothing',
  { skip: skipAnsible },
  async (t) => {
    const { share, notes } = makeCollection(t, 'false');
    const site = makeReadySite(t, share);
    // The check of a push: this is about what follows from its answer.
    const check = (script: string) =>
      writeFileSync(join(site.dir, 'nodepool'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    check('exit 0');
    t.equal((await site.sfconfig('--skip-test')).code, 0);
    const first = notes().length;

    writeFileSync(join(site.config, 'nodepool/images.yaml'), 'diskimages: [{name: mine, elements: [vm]}]\n');
    await site.git('checkout', '--quiet', '-b', 'review');
    await site.git('add', '--all');
    await site.git('commit', '--quiet', '--message', 'An image');
    await site.git('push', '--quiet', 'origin', 'HEAD:review');
    t.equal(notes().length, first, 'a branch for the review');

    check('echo "images.yaml:1: no such image" >&2; exit 1');
    await t.rejects(site.git('push', '--quiet', 'origin', 'HEAD:master'), {
      message: /images\.yaml:1: no such image/,
    });
    t.equal(notes().length, first, 'a push that is refused');
    await site.git('fetch', '--quiet', 'origin');
    t.notMatch(await site.git('ls-tree', '-r', '--name-only', 'origin/master'), 'images.yaml');

    check('exit 0');
    await site.git('checkout', '--quiet', 'master');
    await site.git('merge', '--quiet', '--ff-only', 'review');
    await site.git('push', '--quiet', 'origin', 'HEAD:master');
    t.same(
      notes().slice(first).sort(),
      [
        'hv1.example.org hypervisor-runc update',
        'hv2.example.org hypervisor-runc update',
        'sf.example.org nodepool-launcher update',
      ],
      'one that is accepted',
    );
  },
);
