import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { execa } from 'execa';
import t, { type Test } from 'tap';
import { tempDir } from '../support/temp.ts';

const ROOT = join(import.meta.dirname, '../..');
const ARGS = ['--import', 'tsx', 'scripts/quickstart.ts'];
const skip = process.getuid?.() === 0 ? false : 'needs root to run containers';

interface Running {
  /** Everything printed so far. */
  output(): string;
  printed(pattern: RegExp): Promise<void>;
  /** Exit code, or the signal that ended it. */
  ended: Promise<number | string>;
  kill(signal: NodeJS.Signals): void;
}

function quickstart(args: string[] = [], env: NodeJS.ProcessEnv = {}): Running {
  const child = spawn(process.execPath, [...ARGS, ...args], { cwd: ROOT, env: { ...process.env, ...env } });
  let output = '';
  let check = () => {};
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      check();
    });
  }
  const ended = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | string);
  return {
    output: () => output,
    printed: (pattern) =>
      new Promise((resolve, reject) => {
        check = () => pattern.test(output) && resolve();
        check();
        void ended.then(() => reject(new Error(`ended without printing ${pattern}:\n${output}`)));
      }),
    ended,
    kill: (signal) => void child.kill(signal),
  };
}

/** What there is on this machine that a quickstart could have made. */
async function traces(name = 'quickstart-'): Promise<string[]> {
  const processes = await execa('ps', ['-e', '-o', 'args=']);
  const lists = {
    container: entriesOf('/run/runc'), // `runc list` would make this directory
    mount: readFileSync('/proc/self/mountinfo', 'utf8').split('\n'),
    process: processes.stdout.split('\n'),
    user: readFileSync('/etc/passwd', 'utf8').split('\n'),
    group: readFileSync('/etc/group', 'utf8').split('\n'),
    home: readdirSync('/home'),
    place: readdirSync(tmpdir()),
    bundle: entriesOf('/var/lib/nodepool/runc'),
  };
  return Object.entries(lists).flatMap(([kind, lines]) =>
    lines.filter((line) => line.includes(name)).map((line) => `${kind} ${line}`),
  );
}

function entriesOf(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}

const SHARED_PATHS = ['/var/lib/nodepool', '/var/lib/nodepool/runc', '/srv/host-rootfs', '/run/runc'];

function sharedPaths(): string[] {
  return SHARED_PATHS.filter((path) => existsSync(path));
}

/** On a fresh machine there are none of them; those of others are not empty. */
function removeEmptySharedPaths(): void {
  for (const path of SHARED_PATHS.toReversed()) {
    try {
      rmdirSync(path);
    } catch {
      // In use, or not there.
    }
  }
}

function nameIn(output: string): string {
  return /made \S*(quickstart-[a-z0-9]{4})/.exec(output)?.[1] ?? 'no name';
}

async function assertNothingLeft(t: Test, output: string): Promise<void> {
  t.strictSame(await traces(nameIn(output)), [], `nothing of ${nameIn(output)} is left`);
}

t.test(
  'npm run quickstart shows a container from request to end, and nothing is left',
  { skip },
  async (t) => {
    removeEmptySharedPaths();
    const paths = sharedPaths();
    const { all, exitCode } = await execa('npm', ['run', 'quickstart'], {
      cwd: ROOT,
      all: true,
      reject: false,
      timeout: 120_000,
    });
    t.equal(exitCode, 0, all);
    t.notMatch(all, /unhealthy/, 'a provider that has just served is well');
    const name = nameIn(all);
    const inOrder = [
      `made the user ${name}`,
      'nodepool-launcher -f',
      `nodepool request ${name} --wait`,
      /^ {3}\| 200-\d{10}$/m,
      /\| \| \d{10} \| .* ready /,
      /running +\/var\/lib\/nodepool\/runc\//,
      /^ {3}\| \d{10}-quickstart-\w+-200-\d{10}\n {3}\| uid=\d+\(quickstart-/m,
      /PRETTY_NAME=/,
      'released request',
      'hello from a container',
      'nothing is left',
      /All of it took \d/,
    ];
    let rest = all;
    for (const wanted of inOrder) {
      const at = typeof wanted === 'string' ? rest.indexOf(wanted) : rest.search(wanted);
      t.ok(at >= 0, `prints ${wanted}`);
      rest = rest.slice(Math.max(at, 0));
    }
    t.equal(all.match(/^ {3}done in \d+\.\d\d s$/gm)?.length, 7, 'each step says its time');
    // eslint-disable-next-line no-control-regex
    t.notMatch(all, /\u001b/, 'no colours without a terminal');
    await assertNothingLeft(t, all);
    t.strictSame(
      sharedPaths().filter((path) => !paths.includes(path)),
      [],
      'no directory that was not there before',
    );
  },
);

t.test('two quickstarts at once do not disturb each other', { skip }, async (t) => {
  const both = [quickstart(), quickstart()];
  for (const { ended, output } of both) {
    t.equal(await ended, 0, output());
    t.match(output(), /nothing is left/);
  }
  for (const { output } of both) await assertNothingLeft(t, output());
});

t.test('a signal ends it early, and nothing is left', { skip }, async (t) => {
  const moments = [
    ['SIGINT', /1\. Prepare/, 130],
    ['SIGINT', /it runs as process/, 130],
    ['SIGTERM', /3\. Request/, 143],
    ['SIGINT', /uid=\d+/, 130],
  ] as const;
  for (const [signal, moment, exitCode] of moments) {
    const running = quickstart();
    await running.printed(moment);
    running.kill(signal);
    t.equal(await running.ended, exitCode, `${signal} at ${moment}`);
    t.match(running.output(), /Interrupted; cleaning up/);
    await assertNothingLeft(t, running.output());
  }
});

t.test('the next quickstart cleans up after one that was killed', { skip }, async (t) => {
  const killed = quickstart();
  await killed.printed(/runc list\n[^]*running/);
  killed.kill('SIGKILL');
  t.equal(await killed.ended, 'SIGKILL');
  t.not((await traces(nameIn(killed.output()))).length, 0, 'it has left its container, user and launcher');

  const next = quickstart();
  t.equal(await next.ended, 0, next.output());
  t.match(next.output(), `cleaning up ${nameIn(killed.output())}`);
  await assertNothingLeft(t, killed.output());
});

t.test('--keep leaves a launcher to play with, and --stop takes it away', { skip }, async (t) => {
  const kept = quickstart(['--keep']);
  t.teardown(() => quickstart(['--stop']).ended);
  t.equal(await kept.ended, 0, kept.output());
  const lines = kept.output().split('\n');
  const paste = lines.filter((line) => /^ {3}(export|alias) /.test(line)).map((line) => line.trim());
  t.equal(paste.length, 2);
  const name = nameIn(kept.output());
  const script = `shopt -s expand_aliases\n${paste.join('\n')}\nnodepool run ${name} -- echo pasted`;
  t.equal((await execa('bash', ['-c', script])).stdout, 'pasted');

  const stop = quickstart(['--stop']);
  t.equal(await stop.ended, 0, stop.output());
  t.match(stop.output(), `Removing ${name}`);
  await assertNothingLeft(t, kept.output());
});

t.test('a failure shows the end of the log and a next step, and nothing is left', { skip }, async (t) => {
  const directory = tempDir(t);
  const runc = (await execa('which', ['runc'])).stdout;
  const broken = `#!/bin/sh\n[ "$1" != run ] || { echo "no luck today" >&2; exit 1; }\nexec ${runc} "$@"\n`;
  writeFileSync(join(directory, 'runc'), broken, { mode: 0o755 });

  const failing = quickstart([], { PATH: `${directory}${delimiter}${process.env['PATH']}` });
  t.equal(await failing.ended, 1, failing.output());
  t.match(failing.output(), /This did not work/);
  t.match(failing.output(), /nodepool\.driver\.runc.*no luck today/);
  t.match(failing.output(), /Next: docs\/runc\.md/);
  t.match(failing.output(), /nothing is left/);
  await assertNothingLeft(t, failing.output());
});

t.test('anybody else than root is told so in one sentence', { skip }, async (t) => {
  // Without what the test runner puts into the environment: it writes where nobody else may.
  const args = [
    '-u',
    'NODE_OPTIONS',
    'setpriv',
    '--reuid=65534',
    '--clear-groups',
    process.execPath,
    ...ARGS,
  ];
  const { exitCode, stdout, stderr } = await execa('env', args, { cwd: ROOT, reject: false });
  t.equal(exitCode, 1);
  t.equal(stdout, '');
  t.match(stderr, /^The quickstart starts containers, so run it as root: sudo npm run quickstart$/);
});
