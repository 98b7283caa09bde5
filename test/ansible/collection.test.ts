/** What the collection says about itself, against what it does. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { load } from 'js-yaml';
import t from 'tap';
import { ansibleMissing, installCollection } from '../support/ansible.ts';

const skip = await ansibleMissing();
const ansible = new URL('../../ansible/', import.meta.url);
const allRoles = readdirSync(new URL('roles/', ansible));
/** `packages` is a part of the others. */
const roles = allRoles.filter((role) => role !== 'packages');
const modules = readdirSync(new URL('plugins/modules/', ansible))
  .filter((name) => name.endsWith('.yml'))
  .map((name) => name.replace(/\.yml$/, ''));

interface Documented {
  default?: unknown;
  description: unknown;
}

t.test('is built, installed, and documents every module and role', { skip }, async (t) => {
  const { run } = await installCollection(t);
  const name = (short: string) => `softwarefactory.nodepool.${short}`;
  const documented = JSON.parse(await run('ansible-doc', ['--json', ...modules.map(name)])) as object;
  t.same(Object.keys(documented).sort(), modules.map(name).sort());
  const text = await run('ansible-doc', [name('runc_bundle')]);
  t.match(text, /WRITABLE|writable copy of the root file system/i);
  const known = JSON.parse(await run('ansible-doc', ['--type', 'role', '--json', ...allRoles.map(name)])) as object;
  t.same(Object.keys(known).sort(), allRoles.map(name).sort());
});

t.test('a system that is not supported is refused before anything is changed', { skip }, async (t) => {
  const { play } = await installCollection(t);
  const facts = {
    distribution: 'Slackware',
    distribution_version: '15.0',
    distribution_major_version: '15',
    os_family: 'Slackware',
    hostname: 'h1',
  };
  for (const role of roles) {
    const failed = await play(
      [
        {
          hosts: 'localhost',
          connection: 'local',
          gather_facts: false,
          collections: ['softwarefactory.nodepool'],
          tasks: [
            { 'ansible.builtin.set_fact': { ...facts, cacheable: true } },
            { 'ansible.builtin.include_role': { name: role } },
          ],
        },
      ],
      ['--check'], // a role that went on would change this machine
    ).then(
      () => 'not refused',
      (error: { all?: string }) => error.all ?? '',
    );
    t.match(failed, /does not know Slackware 15\.0;.*Debian 12/s, role);
    t.match(failed, /changed=0 .*failed=1 /, role);
  }
});

t.test('every module and its documentation are a pair', async (t) => {
  const sources = readdirSync(new URL('../../src/modules/', import.meta.url))
    .filter((file) => /^\w+\.ts$/.test(file))
    .map((file) => file.replace(/\.ts$/, ''));
  t.same(sources.sort(), modules.sort());
});

for (const role of roles) {
  t.test(`defaults of ${role} are what its documentation says`, async (t) => {
    const read = (path: string) => load(readFileSync(new URL(`roles/${role}/${path}`, ansible), 'utf8'));
    const defaults = read('defaults/main.yml') as Record<string, unknown>;
    const specs = read('meta/argument_specs.yml') as {
      argument_specs: { main: { options: Record<string, Documented> & { role_action: { choices: string[] } } } };
    };
    const { role_action: action, ...options } = specs.argument_specs.main.options;
    t.same(Object.keys(options).sort(), Object.keys(defaults).sort());
    for (const [name, option] of Object.entries(options)) {
      t.ok(option.description, `${name} is described`);
      // What a template makes of facts has no default that could be written down.
      if (!JSON.stringify(defaults[name]).includes('{{')) t.same(option.default, defaults[name], name);
    }
    const prefix = role.replaceAll('-', '_');
    t.same(
      Object.keys(defaults).filter((name) => !name.startsWith(`${prefix}_`)),
      [],
    );
    t.equal(action.choices.length, 9);
    const own = ['nodepool-launcher', 'nodepool-builder'].includes(role) ? [] : action.choices;
    for (const choice of own) t.ok(existsSync(new URL(`roles/${role}/tasks/${choice}.yml`, ansible)), choice);
  });
}
