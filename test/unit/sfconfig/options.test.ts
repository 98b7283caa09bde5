import t from 'tap';
import { playbookName } from '../../../src/sfconfig/playbook/main.ts';
import { playbookOptions } from '../../../src/sfconfig/generate.ts';
import { parseOptions } from '../../../src/sfconfig/options.ts';
import { optionsOf } from '../../support/sfconfig.ts';

function parse(...argv: string[]) {
  const written = { out: '', err: '' };
  const parsed = parseOptions(argv, {
    version: '1.2.3',
    out: (text) => void (written.out += text),
    err: (text) => void (written.err += text),
  });
  return { parsed, ...written };
}

t.test('without options the documented places are used', async (t) => {
  t.match(optionsOf(), {
    arch: '/etc/software-factory/arch.yaml',
    config: '/etc/software-factory/sfconfig.yaml',
    extra: '/etc/software-factory/custom-vars.yaml',
    ansibleRoot: '/var/lib/software-factory/ansible',
    lib: '/var/lib/software-factory/bootstrap-data',
    enableInsecureSlaves: false,
    check: false,
  });
});

t.test('a misspelt option is wrong usage, with a suggestion', async (t) => {
  const { parsed, err } = parse('--enable-insecure-slave');
  t.same(parsed, { exitCode: 2 });
  t.match(err, /sfconfig: unknown option '--enable-insecure-slave'[\s\S]*--enable-insecure-slaves/);
});

t.test('options that contradict each other are wrong usage', async (t) => {
  for (const argv of [['--disable', '--skip-setup'], ['--erase', '--check'], ['--yes'], ['more']]) {
    t.same(parse(...argv).parsed, { exitCode: 2 }, argv.join(' '));
  }
});

t.test('help has examples, and options of a complete Software Factory are accepted silently', async (t) => {
  const { parsed, out } = parse('--help');
  t.same(parsed, { exitCode: 0 });
  t.match(out, /Examples:[\s\S]*Exit codes/);
  t.notMatch(out, /allinone/);
  t.ok(optionsOf('--allinone', '--skip-populate-hosts', '--provision-demo'));
});

t.test('synonyms mean the same', async (t) => {
  t.equal(optionsOf('--update').upgrade, true);
  t.equal(optionsOf('--enable-insecure-workers').enableInsecureSlaves, true);
  t.equal(optionsOf('--recover').recover, '/var/lib/software-factory/backup');
  t.match(optionsOf('--disable', '--erase'), { disable: false, erase: true }, 'erase wins over disable');
});

t.test('the name of the playbook says what it does', async (t) => {
  const nameOf = (...argv: string[]) => playbookName(playbookOptions(optionsOf(...argv)));
  t.equal(nameOf(), 'sfconfig.yml');
  t.equal(nameOf('--skip-install'), 'sfconfig_noinstall.yml');
  t.equal(
    nameOf('--update', '--skip-install', '--recover', 'x', '--skip-setup'),
    'sfconfig_update_noinstall_recover_nosetup.yml',
  );
});
