import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { createFakeDriver } from '../../../src/fake/driver.ts';
import { openCli } from '../../support/cli.ts';
import { tempDir } from '../../support/temp.ts';

const BAD = fileURLToPath(new URL('../../fixtures/config-repo/bad/schema', import.meta.url));

function makeRepo(t: Test, file: string): string {
  const dir = tempDir(t);
  mkdirSync(join(dir, 'nodepool'));
  writeFileSync(join(dir, 'nodepool/provider.yaml'), file);
  return dir;
}

const BOUND = `
providers:
  - name: cloud
    driver: fake
    launcher-host: l2
    pools: [{name: main, labels: []}]
`;

t.test(
  'config-validate --config-repo accepts a good repository and warns of what is probably not meant',
  async (t) => {
    const cli = await openCli(t, { drivers: [createFakeDriver()] });
    const dir = makeRepo(t, 'labels: [{name: nobody-offers-it}]');
    t.same(await cli.run(['config-validate', '--config-repo', dir]), {
      code: 0,
      stdout: `${dir} is valid\n`,
      stderr: `nodepool: warning: ${dir}/nodepool/provider.yaml:1: labels that no pool here offers: nobody-offers-it\n`,
    });
  },
);

t.test('config-validate --config-repo prints every mistake, or JSON, and fails', async (t) => {
  const cli = await openCli(t, { drivers: [createFakeDriver()] });
  const { code, stdout, stderr } = await cli.run(['config-validate', '--config-repo', BAD]);
  t.equal(code, 1);
  t.equal(stdout, '');
  t.match(stderr, /a\.yaml:3: labels\[0\]\.min-redy: .*did you mean "min-ready"/);
  t.match(stderr, /b\.yaml:9: .*found "instance-core-number"/);

  const json = await cli.run(['config-validate', '--config-repo', BAD, '--format', 'json']);
  t.equal(json.code, 1);
  t.match(JSON.parse(json.stdout), {
    file: BAD,
    valid: false,
    problems: [{ line: 3 }, { line: 3 }, { line: 9 }],
  });
});

t.test('config-validate --config-repo compares launcher-host with the launchers it is given', async (t) => {
  const cli = await openCli(t, { drivers: [createFakeDriver()] });
  const dir = makeRepo(t, BOUND);
  const check = ['config-validate', '--config-repo', dir, '--launchers'];
  t.equal((await cli.run([...check, 'l1,l2'])).code, 0);
  t.match(await cli.run([...check, 'l1']), {
    code: 1,
    stderr: /launcher-host: expected the name of a launcher: l1/,
  });
});

t.test('config-validate refuses options and files that do not go together', async (t) => {
  const cli = await openCli(t);
  t.match(await cli.run(['config-validate', '--base', '/x']), { code: 2, stderr: /need --config-repo/ });
  t.match(await cli.run(['config-validate', '--config-repo', '/x', 'file']), { code: 2, stderr: /not both/ });
});
