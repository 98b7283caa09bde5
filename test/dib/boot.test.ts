/** `nodepool image-local --boot`: the real diskimage-builder makes an image of a few MB, which is looked at. */
import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { runcMissing } from '../integration/runc/world.ts';
import { heldBelow } from '../support/dib/held.ts';
import { debianMirror, ELEMENTS, roomyDir, skipBuilds, skipDownloads } from '../support/dib/real.ts';
import { until } from '../support/poll.ts';
import { tempDir } from '../support/temp.ts';

t.setTimeout(0); // The suite's limit applies.

const COMMAND = [
  process.execPath,
  '--import',
  import.meta.resolve('tsx'),
  fileURLToPath(new URL('../../src/bin/nodepool.ts', import.meta.url)),
];
const PATIENT = { timeoutMs: 120_000 };
/** For a system that is made, and booted without help of the processor. */
const VERY_PATIENT = { timeoutMs: 900_000 };
const skip = skipBuilds() || runcMissing();
const qemu = 'qemu-system-x86_64';
const hasQemu = spawnSync(qemu, ['--version'], { stdio: 'ignore' }).status === 0;

const dir = tempDir(t);
const work = join(dir, 'work');
const image = join(dir, 'image');
mkdirSync(work);

/** Later calls get the image that the first one has built. */
const copies = join(dir, 'bin');
mkdirSync(copies);
writeFileSync(
  join(copies, 'disk-image-create'),
  `#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\nif [ -e ${dir}/disk.raw ]; then cp ${dir}/disk.raw "$2.raw"; else cp ${image}.tar "$2.tar"; fi\n`,
  { mode: 0o755 },
);

interface Call {
  child: ChildProcessWithoutNullStreams;
  output(): string;
  ended: Promise<number | null>;
}

/** `terminal`: on one of its own, made by script(1). */
function call(
  t: Test,
  args: readonly string[],
  {
    first = false,
    terminal = false,
    env = {},
  }: { first?: boolean; terminal?: boolean; env?: Record<string, string> } = {},
): Call {
  const words = [...COMMAND, '-c', join(dir, 'none.yaml'), 'image-local', ...args];
  const [program = '', ...rest] = terminal
    ? ['script', '-qefc', words.map((word) => `'${word}'`).join(' '), '/dev/null']
    : words;
  const path = process.env['PATH'] ?? '';
  const child = spawn(program, rest, {
    env: {
      ...process.env,
      HOME: dir,
      TMPDIR: work,
      ELEMENTS_PATH: ELEMENTS.test,
      DIB_JOURNAL_SIZE: '8',
      TERM: 'vt100',
      PATH: first ? path : `${copies}:${path}`,
      ...env,
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (part: string) => (output += part));
  child.stdin.on('error', () => undefined);
  const ended = once(child, 'close').then(([code]) => code as number | null);
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return { child, output: () => output, ended };
}

const places = () =>
  existsSync(join(work, 'nodepool-boot')) ? readdirSync(join(work, 'nodepool-boot')) : [];

/** Processes whose root directory is that of a container of ours. */
function inContainers(): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes('nodepool-boot-');
    } catch {
      return false;
    }
  });
}

function checkClean(t: Test): void {
  t.same(places(), [], 'no unpacked image is left');
  t.same(heldBelow(work), [], 'no mount is left');
  t.same(inContainers(), [], 'no process is left');
}

t.test('a shell in the image that was just built', { skip }, async (t) => {
  const { child, output, ended } = call(t, ['host-os', '--boot', '--output', image], { first: true });
  child.stdin.end(
    'cat /etc/os-release; touch /new && echo "I am $(id -u)"; [ -t 0 ] || echo plain; exit 3\n',
  );
  t.equal(await ended, 3, output().slice(-2000));
  t.match(output(), `${image}.tar is ready\nunpacking ${image}.tar\na shell in the image`);
  t.match(output(), /ID=host\nI am 0\nplain\n$/);
  t.notMatch(spawnSync('tar', ['-tf', `${image}.tar`], { encoding: 'utf8' }).stdout, /\/new$/m);
  checkClean(t);
});

t.test('on a terminal it is a shell like any other', { skip }, async (t) => {
  const { child, output, ended } = call(t, ['host-os', '--boot', '--output', join(dir, 'two')], {
    terminal: true,
  });
  await until(() => output().includes('a shell in the image'), PATIENT);
  child.stdin.write('[ -t 0 ] && echo "on a $TERM"; echo wait""ing; sleep 1000; echo "ended by $?"\n');
  await until(() => output().includes('\nwaiting'), PATIENT);
  // Ctrl-C until sleep is there to be ended by it.
  await until(() => {
    child.stdin.write('\x03');
    return output().includes('^C');
  }, PATIENT);
  child.stdin.write('\nexit 5\n');
  t.equal(await ended, 5, output());
  t.match(output(), 'on a vt100');
  checkClean(t);
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  t.test(`${signal} ends the shell and leaves nothing`, { skip }, async (t) => {
    const { child, output, ended } = call(t, ['host-os', '--boot', '--output', join(dir, 'three')]);
    child.stdin.write('echo begun; sleep 1000\n');
    await until(() => output().includes('begun'), PATIENT);
    t.equal(places().length, 1);
    child.kill(signal);
    t.equal(await ended, signal === 'SIGINT' ? 130 : 143, output());
    checkClean(t);
  });
}

t.test('what a killed call leaves is removed by the next one', { skip }, async (t) => {
  const killed = call(t, ['host-os', '--boot', '--output', join(dir, 'four')]);
  killed.child.stdin.write('echo begun; sleep 1000\n');
  await until(() => killed.output().includes('begun'), PATIENT);
  const alive = call(t, ['host-os', '--boot', '--output', join(dir, 'five')]);
  alive.child.stdin.write('echo begun; read line; echo "$line"\n');
  await until(() => alive.output().includes('begun'), PATIENT);
  killed.child.kill('SIGKILL');
  await until(() => killed.child.signalCode, PATIENT);
  t.equal(places().length, 2);

  const next = call(t, ['host-os', '--boot', '--output', join(dir, 'six')]);
  next.child.stdin.end('true\n');
  t.equal(await next.ended, 0, next.output());
  t.equal(places().length, 1, 'that of the call which still runs stays');
  alive.child.stdin.end('still here\n');
  t.equal(await alive.ended, 0);
  t.match(alive.output(), 'still here');
  await killed.ended;
  checkClean(t);
});

/** A disk whose first sector prints a line on the serial port and resets the machine. */
function makeDisk(text: string): Buffer {
  // cli; ds = 0; si = text; each character to port 0x3f8 until a 0; reset by the keyboard controller; hlt
  const program = 'fa 31c0 8ed8 be187c ac 84c0 7406 ba f803 ee ebf5 b0fe e664 f4'.replaceAll(' ', '');
  const sector = Buffer.alloc(512);
  Buffer.concat([Buffer.from(program, 'hex'), Buffer.from(`${text}\0`)]).copy(sector);
  sector.writeUInt16LE(0xaa55, 510);
  return Buffer.concat([sector, Buffer.alloc(2 ** 20 - 512)]);
}

const skipQemu = skip || (hasQemu ? false : `${qemu} is not installed`);
t.test('a machine boots the disk image, its console is the terminal', { skip: skipQemu }, async (t) => {
  writeFileSync(join(dir, 'disk.raw'), makeDisk('the image boots\r\n'));
  const { child, output, ended } = call(t, ['x', '--boot=qemu', '--type', 'raw', '--output', join(dir, 'm')]);
  child.stdin.end();
  t.equal(await ended, 0, output());
  t.match(output(), `file=${dir}/m.raw,format=raw`);
  t.match(output(), 'the image boots');
});

const mirror = debianMirror('bookworm');
const canMakeDebian = spawnSync('mmdebstrap', ['--version'], { stdio: 'ignore' }).status === 0;
const skipDebian =
  skipQemu || (canMakeDebian ? false : 'mmdebstrap is not installed') || skipDownloads(mirror);
t.test(
  'a Debian with a boot loader boots, and root logs in on its console',
  { skip: skipDebian },
  async (t) => {
    const room = roomyDir(t);
    const { child, output, ended } = call(
      t,
      ['debian-machine', '--boot=qemu', '--output', join(room, 'debian')],
      {
        first: true,
        env: { TMPDIR: room, DIB_DISTRIBUTION_MIRROR: mirror, DEBIAN_MACHINE_PASSWORD: 'open sesame' },
      },
    );
    const shown = () => output().split('Ctrl-A X ends the machine')[1] ?? '';
    const answer = async (question: RegExp, line: string) => {
      await until(() => question.test(shown()) || child.exitCode !== null, VERY_PATIENT);
      child.stdin.write(`${line}\n`);
    };
    await answer(/login: /, 'root');
    await answer(/Password: /, 'open sesame');
    await answer(/:~# /, 'echo "I am $(id -u) on $(. /etc/os-release; echo $ID)"; poweroff');
    t.equal(await ended, 0, output().slice(-4000));
    t.match(output(), `file=${room}/debian.qcow2,format=qcow2`);
    t.match(shown(), /^I am 0 on debian\r$/m);
    t.same(heldBelow(room), [], 'no mount is left');
  },
);
