import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execaNode } from 'execa';
import { load } from 'js-yaml';
import t, { type Test } from 'tap';
import { callModule } from '../../support/ansible-module.ts';
import { tempDir } from '../../support/temp.ts';

const command = fileURLToPath(new URL('../../../dist/bin/nodepool.cjs', import.meta.url));

const provider = `labels:
  - name: debian
providers:
  - name: farm
    driver: fake
    pools:
      - name: main
        max-servers: 2
        labels:
          - name: debian
`;
const image = `diskimages:
  - name: rhel
    elements: [rhel]
`;

t.test('makes both files once, and again only when something has changed', async (t) => {
  const { dir, dest, secure, apply, write } = place(t);
  write('provider.yaml', provider);
  const foreseen = await apply({}, true);
  t.match(foreseen.json, { changed: true, providers: 1 });
  t.notOk(files(dir).includes('nodepool.yaml'), 'check mode writes nothing');

  const first = await apply();
  t.match(first.json, { changed: true, providers: 1, diff: { before: '' } });
  t.equal(statSync(dest).mode & 0o777, 0o644);
  t.equal(statSync(secure).mode & 0o777, 0o440);
  t.match(load(readFileSync(dest, 'utf8')), { labels: [{ name: 'debian' }], webapp: { port: 8006 } });
  t.equal((await apply()).json.changed, false);
  t.equal((await apply({}, true)).json.changed, false);

  write('image.yaml', image);
  t.equal((await apply({}, true)).json.changed, true);
  t.notMatch(readFileSync(dest, 'utf8'), 'rhel');
  t.equal((await apply()).json.changed, true);
  t.match(readFileSync(dest, 'utf8'), 'rhel');
  t.same(files(dir), ['nodepool.yaml', 'secure.conf'], 'nothing else is left');
});

t.test('passwords arrive as they are, are never shown, and are for images that exist', async (t) => {
  const { dest, secure, apply, write } = place(t);
  write('provider.yaml', provider);
  const password = `12:34 #'"\\*`;
  const dib_reg_passwords = [{ image_name: 'rhel', reg_password: password }];
  const early = await apply({ dib_reg_passwords });
  t.match(early.json, { failed: true, msg: /secure\.conf \(new\).*rhel/ });
  t.notMatch(early.text, password);
  t.throws(() => statSync(dest), 'an image that is missing stops both files');

  write('image.yaml', image);
  const first = await apply({ dib_reg_passwords });
  t.match(first.json, { changed: true });
  t.same(load(readFileSync(secure, 'utf8')), {
    diskimages: [{ name: 'rhel', 'env-vars': { REG_PASSWORD: password } }],
  });
  for (const secret of [password, JSON.stringify(password).slice(1, -1)])
    t.notOk(first.text.includes(secret));
  t.equal((await apply({ dib_reg_passwords })).json.changed, false);
  t.equal((await apply()).json.changed, true, 'an empty list takes the password away');
  t.equal(readFileSync(secure, 'utf8').trim(), '');
});

t.test('a wrong change is told with file and line, and leaves the files as they are', async (t) => {
  const { dir, dest, secure, apply, write } = place(t);
  write('provider.yaml', provider);
  await apply();
  const before = [dest, secure].map((path) => [readFileSync(path, 'utf8'), statSync(path).mtimeMs]);
  write('provider.yaml', provider.replace('max-servers: 2', 'max-servers: two'));
  t.match((await apply()).json, { failed: true, msg: /provider\.yaml:\d+: .*max-servers.*"two"/ });
  write(
    'provider.yaml',
    provider.replace('name: debian\nproviders', 'name: debian\n  - name: debian\nproviders'),
  );
  t.match((await apply()).json, { failed: true, msg: /provider\.yaml:\d+: / });
  write('provider.yaml', provider.replace('driver: fake', 'driver: faek'));
  t.match((await apply()).json, { failed: true, msg: /provider\.yaml:\d+: providers\[0\]\.driver/ });
  t.same(
    [dest, secure].map((path) => [readFileSync(path, 'utf8'), statSync(path).mtimeMs]),
    before,
  );
  t.same(files(dir), ['nodepool.yaml', 'secure.conf']);
});

t.test('without a repository the base is the configuration', async (t) => {
  const { dest, apply } = place(t);
  const { json } = await apply({ repository: undefined });
  t.match(json, { changed: true });
  t.match(load(readFileSync(dest, 'utf8')), { webapp: { port: 8006 } });
  t.match((await apply({ repository: undefined, command: '/nonexistent', base: '/nonexistent' })).json, {
    failed: true,
    msg: 'base: /nonexistent does not exist',
  });
});

t.test('a built command checks what is made', async (t) => {
  const { dest, apply, write } = place(t);
  write('provider.yaml', provider);
  await apply();
  const { stdout } = await execaNode(command, ['-c', dest, 'config-validate']);
  t.match(stdout, 'is valid');
});

/** A host with a config repository; `apply` is a task that makes its files. */
function place(t: Test) {
  const root = tempDir(t);
  const [dir, repository] = [join(root, 'etc'), join(root, 'config')];
  mkdirSync(dir);
  mkdirSync(join(repository, 'nodepool'), { recursive: true });
  const base = join(root, 'base.yaml');
  writeFileSync(
    base,
    `state-dir: ${root}/state\nwebapp: {port: 8006}\nlabels: []\nproviders: []\ndiskimages: []\n`,
  );
  const dest = join(dir, 'nodepool.yaml');
  const secure = join(dir, 'secure.conf');
  const values = {
    repository,
    base,
    dest,
    command,
    secure_dest: secure,
    hostname: 'h1',
    builder: true,
    group: 'root',
    dib_reg_passwords: [],
  };
  return {
    dir,
    dest,
    secure,
    apply: (more: object = {}, check = false) =>
      callModule('nodepool_config', root, { ...values, ...more }, { check }),
    write: (name: string, text: string) => writeFileSync(join(repository, 'nodepool', name), text),
  };
}

function files(dir: string): string[] {
  return readdirSync(dir).sort();
}
