import t from 'tap';
import { directoryDriver } from '../../../src/directory/driver.ts';
import { readDirectoryOptions } from '../../../src/directory/options.ts';
import { providerConfig } from '../../support/provider-config.ts';

const config = (section: Record<string, unknown>) =>
  providerConfig(directoryDriver, { name: 'shelf', pools: [], ...section });

function problemsOf(section: Record<string, unknown>, earlier: Record<string, unknown>[] = []): string[] {
  const found: string[] = [];
  directoryDriver.check?.(
    config(section),
    (path, expected, was) => void found.push(`${path}: expected ${expected}, found ${was}`),
    earlier.map(config),
  );
  return found;
}

t.test('defaults are those of the documentation', async (t) => {
  t.same(readDirectoryOptions(config({ path: '/srv/images/' })), {
    path: '/srv/images',
    format: 'tar',
    host: undefined,
  });
  t.match(readDirectoryOptions(config({ path: '/srv/images', host: 'hv1.example.net' })).host, {
    name: 'hv1.example.net',
    port: 22,
    hostKeys: [],
    knownHosts: '/var/lib/nodepool/.ssh/known_hosts',
  });
});

t.test('names that would be no plain file names are mistakes with a place', async (t) => {
  const diskimages = [{ name: 'debian-12' }, { name: '.hidden' }, { name: 'a b' }];
  t.same(problemsOf({ path: '/srv/images', diskimages }), [
    'diskimages[1].name: expected a name of letters, digits, "_", ".", "+" and "-", found ".hidden"',
    'diskimages[2].name: expected a name of letters, digits, "_", ".", "+" and "-", found "a b"',
  ]);
});

t.test('a directory belongs to one provider; the same path on another host is another one', async (t) => {
  const local = { path: '/srv/images' };
  const remote = { path: '/srv/images', host: 'hv1.example.net' };
  t.equal(problemsOf({ path: '/srv/images/' }, [local]).length, 1);
  t.equal(problemsOf(remote, [remote]).length, 1);
  t.same(problemsOf(remote, [local]), []);
});

t.test('what is no host key is a mistake, and not a host that is believed at first sight', async (t) => {
  const place = { path: '/srv/images', host: 'hv1.example.net' };
  t.match(problemsOf({ ...place, 'host-key': 'ssh-ed25519 AAAAshort' }), [
    /^host-key: expected a host key such as .*, found "ssh-ed25519 AAAAshort"$/,
  ]);
});
