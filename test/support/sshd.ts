/** A real OpenSSH server of its own on 127.0.0.1 and a free port. Needs root, like sshd itself. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { makeKey, type TestKey, type TestKeyType } from './ssh-keys.ts';
import { freePort } from './free-port.ts';
import { tempDir } from './temp.ts';

const SSHD = '/usr/sbin/sshd';

export interface SshdOptions {
  hostKeys?: readonly (TestKeyType | TestKey)[];
  /** Public keys that may log in as root, besides `clientKey`. */
  authorizedKeys?: readonly string[];
  /** More lines of sshd_config; the first value of a keyword wins, and these come first. */
  config?: readonly string[];
  /** A particular port, for a server that comes back where another was. */
  port?: number;
}

export interface Sshd {
  host: string;
  port: number;
  hostKeys: string[];
  clientKey: TestKey;
  /** The private half of `clientKey`, mode 0600. */
  clientKeyFile: string;
  /** What sshd wrote so far (LogLevel VERBOSE). */
  log(): string;
  /** Ends the server and everything that runs in its sessions, and waits. Also done at the end of the test. */
  stop(): Promise<void>;
}

/** Why no sshd can be started here; for `t.test(title, { skip: sshdMissing() }, …)`. False when one can. */
export function sshdMissing(): string | false {
  if (process.getuid?.() !== 0) return 'needs root to run sshd';
  try {
    accessSync(SSHD, constants.X_OK);
    return false;
  } catch {
    return `needs ${SSHD} (package openssh-server)`;
  }
}

export async function startSshd(t: Test, options: SshdOptions = {}): Promise<Sshd> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOnce(t, options, options.port ?? (await freePort()));
    } catch (error) {
      // Somebody may have taken the free port before sshd did.
      if (attempt === 3 || options.port !== undefined) throw error;
    }
  }
}

async function startOnce(t: Test, options: SshdOptions, port: number): Promise<Sshd> {
  const { hostKeys = ['ed25519'], authorizedKeys = [], config = [] } = options;
  const directory = tempDir(t, 'nodepool-sshd-');
  const write = (name: string, text: string) => {
    writeFileSync(join(directory, name), text, { mode: 0o600 });
    return join(directory, name);
  };
  const keys = hostKeys.map((key) => (typeof key === 'string' ? makeKey(key) : key));
  const clientKey = makeKey();
  const keyFiles = keys.map((key, index) => write(`host_key_${index}`, key.private));
  const authorized = write('authorized_keys', [clientKey.public, ...authorizedKeys, ''].join('\n'));
  const configFile = write(
    'sshd_config',
    [
      ...config,
      `ListenAddress 127.0.0.1:${port}`,
      ...keyFiles.map((file) => `HostKey ${file}`),
      `AuthorizedKeysFile ${authorized}`,
      'PidFile none',
      'StrictModes no',
      'UsePAM no',
      'PasswordAuthentication no',
      'PermitRootLogin prohibit-password',
      'MaxStartups 1000',
      'MaxSessions 200',
      'LogLevel VERBOSE',
      'Subsystem sftp internal-sftp',
      '',
    ].join('\n'),
  );
  mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });

  const child = spawn(SSHD, ['-D', '-e', '-f', configFile], { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  const ended = once(child, 'exit');
  const stop = async () => {
    // The sessions are not children of the test and outlive the listener, so they are found while it still lives.
    const sessions = child.pid === undefined ? [] : descendantsOf(child.pid);
    child.kill('SIGTERM');
    await ended;
    for (const pid of sessions) killQuietly(pid);
  };
  t.teardown(stop);

  await new Promise<void>((resolve, reject) => {
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      log += text;
      if (log.includes('Server listening')) resolve();
    });
    void ended.then(() => reject(new Error(`sshd did not start on port ${port}: ${log}`)));
  });

  return {
    host: '127.0.0.1',
    port,
    hostKeys: keys.map((key) => key.public),
    clientKey,
    clientKeyFile: write('client_key', clientKey.private),
    log: () => log,
    stop,
  };
}

/** Children, their children and so on, from /proc. */
function descendantsOf(root: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      // `pid (name) state ppid …`; the name may contain anything, so look behind its last parenthesis.
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
    } catch {
      // It has just ended.
    }
  }
  const below = (pid: number): number[] =>
    [...parents].filter(([, parent]) => parent === pid).flatMap(([child]) => [child, ...below(child)]);
  return below(root);
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Already gone.
  }
}
