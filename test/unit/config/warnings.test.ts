import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { loadConfig } from '../../../src/config/load.ts';
import { formatWarning } from '../../../src/config/warnings.ts';
import { tempDir } from '../../support/temp.ts';
import { drivers } from './test-drivers.ts';

async function warningsOf(t: Test, main: string, secure?: string): Promise<string[]> {
  const dir = tempDir(t);
  const path = join(dir, 'nodepool.yaml');
  const securePath = secure === undefined ? undefined : join(dir, 'secure.conf');
  writeFileSync(path, main);
  if (securePath) writeFileSync(securePath, secure ?? '', { mode: 0o640 });
  const { warnings } = await loadConfig({ path, securePath, drivers, env: { NODEPOOL_SET: 'x' } });
  return warnings.map((warning) => formatWarning(warning).replace(`${dir}/`, ''));
}

t.test('names every variable that is not set, once, in both files, but not those in comments', async (t) => {
  const main = [
    '# %(NODEPOOL_COMMENT)',
    'elements-dir: "%(NODEPOOL_ONE)/%(NODEPOOL_TWO)"',
    'images-dir: "%(NODEPOOL_ONE)/%(NODEPOOL_SET)"',
    'diskimages: [{name: rhel}]',
  ];
  const secure = 'diskimages:\n  - name: rhel\n    env-vars:\n      P: "%(NODEPOOL_THREE)"\n';
  t.same(await warningsOf(t, main.join('\n'), secure), [
    'nodepool.yaml:2: the environment variable NODEPOOL_ONE is not set',
    'nodepool.yaml:2: the environment variable NODEPOOL_TWO is not set',
    'secure.conf:4: the environment variable NODEPOOL_THREE is not set',
  ]);
});

t.test('finds a limit of a tenant that is misspelt into a limit of nothing', async (t) => {
  const main =
    'tenant-resource-limits:\n  - tenant-name: acme\n    max-server: 3\n    gpu: 2\n    max-vgpus: 9\n';
  t.same(await warningsOf(t, main), [
    'nodepool.yaml:3: "max-server" limits a resource of that name; "max-servers" is probably meant',
  ]);
});

t.test('does not fill the screen with labels that nothing offers', async (t) => {
  const labels = Array.from({ length: 30 }, (_, index) => `  - name: label-${index}`);
  const [warning] = await warningsOf(t, ['labels:', ...labels].join('\n'));
  t.match(warning, /no pool here offers: label-0, .*, label-9 and 20 more$/);
});

t.test('tells images of RHEL that have nothing to begin with', async (t) => {
  const main = `diskimages:
  - {name: base, abstract: true, elements: [vm, rhel]}
  - {name: bare, parent: base}
  - name: given
    parent: base
    env-vars: {DIB_LOCAL_IMAGE: /var/lib/nodepool/images/rhel.qcow2}
  - name: old
    elements:
      - rhel7
  - {name: fetched, elements: [rhel7], env-vars: {DIB_CLOUD_IMAGES: "https://images.example.com"}}
  - {name: common, elements: [rhel-common, centos]}
`;
  t.same(await warningsOf(t, main), [
    'nodepool.yaml:3: "rhel" has no image to begin with: DIB_LOCAL_IMAGE is not among env-vars',
    'nodepool.yaml:8: "rhel7" has no image to begin with: DIB_LOCAL_IMAGE is not among env-vars',
  ]);
});
