import { Writable } from 'node:stream';
import t from 'tap';
import { parseArguments, type Parsed } from '../../../src/cli/parse.ts';
import { allVerbs } from '../../../src/cli/verbs/all.ts';

function parse(...argv: string[]) {
  const text = { stdout: '', stderr: '' };
  const into = (name: 'stdout' | 'stderr') =>
    new Writable({
      write(chunk: Buffer, _, done) {
        text[name] += chunk.toString();
        done();
      },
    });
  const io = { stdout: into('stdout'), stderr: into('stderr') };
  return { result: parseArguments(argv, { verbs: allVerbs, version: '1.2.3', io }), ...text };
}
const parsed = (...argv: string[]) => parse(...argv).result as Parsed;

t.test('accepts global options before and after the verb', async (t) => {
  t.equal(parsed('-c', 'a.yaml', 'list').globals.config, 'a.yaml');
  t.equal(parsed('list', '-c', 'a.yaml').globals.config, 'a.yaml');
  t.equal(parsed('list').globals.config, '/etc/nodepool/nodepool.yaml');
  t.equal(parsed('list', '--format', 'json').globals.format, 'json');
  t.equal(parsed('--format', 'json', '-s', 'x', '--debug', 'list', '--detail').globals.format, 'json');
  t.same(parsed('list', '--detail').input.options.detail, true);
});

t.test('keeps the words behind -- as the command, options and all', async (t) => {
  const { input } = parsed(
    'run',
    'debian',
    '--nodes',
    '3',
    '--timeout',
    '2m',
    '--',
    'bash',
    '-c',
    'x',
    '--',
    '-h',
  );
  t.same(input.args, ['debian']);
  t.same(input.command, ['bash', '-c', 'x', '--', '-h']);
  t.equal(input.options.nodes, 3);
  t.equal(input.options.timeout, 120);
  t.equal(parsed('run', 'debian').input.command, undefined);
});

t.test('lets a command have empty words', async (t) => {
  t.same(parsed('run', 'debian', '--', 'printf', '').input.command, ['printf', '']);
  t.equal(parsed('hold', '1', '--reason', '').input.options.reason, '');
});

t.test('asks for the -- in front of a command', async (t) => {
  const { result, stderr } = parse('run', 'debian', 'bash', '-c', 'exit 3');
  t.same(result, { exitCode: 2 });
  t.match(stderr, 'put -- before the command: nodepool run debian -- bash -c exit 3');
});

t.test('answers wrong usage with exit code 2 and a message on stderr', async (t) => {
  const cases: [argv: string[], message: string][] = [
    [['lst'], 'Did you mean list?'],
    [['list', '--detial'], 'Did you mean --detail?'],
    [['hold'], "missing required argument 'node-id'"],
    [['run', '--', 'ls'], "missing required argument '<label>'"],
    [['hold', '1', '--for', 'soon'], 'expected a duration'],
    [['run', 'a', '--nodes', '0'], 'at least 1'],
    [['list', '--format', 'xml'], 'table, json'],
    [['list', 'extra'], 'too many arguments'],
    [['list', '--detial'], 'nodepool list --help shows how it is used'],
    [['lst'], 'nodepool --help lists the verbs and options'],
    [['request', 'a', ''], 'an argument is empty; is a variable not set?'],
    [['-c', '', 'list'], 'an argument is empty'],
    [['run', 'a', '-i', '', '--', 'true'], 'an argument is empty'],
  ];
  for (const [argv, message] of cases) {
    const { result, stderr } = parse(...argv);
    t.same(result, { exitCode: 2 }, argv.join(' '));
    t.match(stderr, message);
    t.match(stderr, /^nodepool: /);
  }
});

t.test('prints the version and help with exit code 0, and help with 1 when there is no verb', async (t) => {
  t.match(parse('--version'), { result: { exitCode: 0 }, stdout: 'Nodepool version: 1.2.3\n' });
  t.match(parse('--help'), { result: { exitCode: 0 }, stdout: /request-list/ });
  t.match(parse('help'), { result: { exitCode: 0 }, stdout: /request-list/ });
  t.match(parse('help', 'list'), { result: { exitCode: 0 }, stdout: /^Usage: nodepool list/ });
  t.match(parse(), { result: { exitCode: 1 }, stdout: /request-list/ });
});

t.test('describes every verb with examples, and every module of a verb exists', async (t) => {
  for (const verb of allVerbs) {
    const { result, stdout } = parse(verb.name, '--help');
    t.same(result, { exitCode: 0 });
    t.match(stdout, `nodepool ${verb.examples[0]?.[0] ?? 'none'}`);
    t.match(stdout, '--format');
    t.type((await verb.load()).run, 'function', verb.name);
  }
});
