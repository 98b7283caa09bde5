/** The built programs as an operator has them: a launcher on a state of its own, and `nodepool` commands beside it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa, type Result } from 'execa';
import type { Test } from 'tap';
import { until } from '../../support/poll.ts';
import { makeKey, type TestKey } from '../../support/ssh-keys.ts';
import { tempDir } from '../../support/temp.ts';

const DIST = join(import.meta.dirname, '../../../dist/bin');
const MOST_MS = 60_000;

/** A row of `nodepool list --format json`. */
export interface Row {
  id: string;
  label: string[];
  server_id: string;
  state: string;
  pool: string;
  comment: string | null;
  connection: string;
  connection_port: number;
  interface_ip: string;
  username: string;
  host_keys: string[];
  allocated_to: string | null;
}

export interface Launcher {
  process: ChildProcess;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
  kill9(): Promise<void>;
}

export interface Programs {
  dir: string;
  /** Zuul's key, with which jobs enter the nodes. */
  key: TestKey;
  keyFile: string;
  /** Writes nodepool.yaml, without `state-dir`; a running launcher takes it over. */
  configure(yaml: string): void;
  startLauncher(env?: NodeJS.ProcessEnv): Promise<Launcher>;
  /** launcher.log so far. */
  log(): string;
  /** What a line of launcher.log says, as soon as one after the first `from` characters matches. */
  logged(pattern: RegExp, from?: number, timeoutMs?: number): Promise<string>;
  nodepool(...args: string[]): Promise<Result<{ reject: false }>>;
  list(): Promise<Row[]>;
  /** Requests nodes and waits for them. */
  request(...labels: string[]): Promise<{ id: string; nodes: Row[] }>;
  /** Releases, and waits until the records are gone. */
  release(requestId: string): Promise<void>;
  /** Runs a command on a node as Zuul would: its own key, and the recorded host key as the only known one. */
  ssh(row: Row, command: string, keyFile?: string): Promise<Result<{ reject: false }>>;
}

/** @param names what the launcher finds in /etc/hosts besides this machine's own: `10.77.21.12 h2.test`. */
export function makePrograms(t: Test, names: readonly string[] = []): Programs {
  const dir = tempDir(t);
  const files = {
    config: join(dir, 'nodepool.yaml'),
    log: join(dir, 'launcher.log'),
    key: join(dir, 'zuul_key'),
  };
  const key = makeKey();
  writeFileSync(files.key, key.private, { mode: 0o600 });
  writeFileSync(join(dir, 'hosts'), `${readFileSync('/etc/hosts', 'utf8')}\n${names.join('\n')}\n`);

  const programs: Programs = {
    dir,
    key,
    keyFile: files.key,
    configure: (yaml) => writeFileSync(files.config, `state-dir: ${dir}/state\n${yaml}`),

    async startLauncher(env = {}) {
      const from = programs.log().length;
      const output = openSync(join(dir, 'launcher.out'), 'a');
      const launcher = [
        process.execPath,
        join(DIST, 'nodepool-launcher.js'),
        '--no-webapp',
        '-f',
        '-c',
        files.config,
      ];
      const withNames = [
        '--mount',
        'sh',
        '-c',
        'mount --bind "$0" /etc/hosts && exec "$@"',
        join(dir, 'hosts'),
      ];
      const words = names.length === 0 ? launcher : ['unshare', ...withNames, ...launcher];
      const [program = '', ...args] = [...words, '--log-file', files.log];
      const child = spawn(program, args, {
        stdio: ['ignore', output, output],
        env: { ...process.env, ...env },
      });
      closeSync(output);
      const ended = once(child, 'exit') as Promise<[number | null]>;
      const end = async (signal: NodeJS.Signals): Promise<number | null> => {
        child.kill(signal);
        return (await ended)[0];
      };
      t.teardown(() => end('SIGKILL'));
      await programs.logged(/launcher started/, from);
      return {
        process: child,
        stop: () => end('SIGTERM'),
        kill9: async () => void (await end('SIGKILL')),
      };
    },

    log: () => (existsSync(files.log) ? readFileSync(files.log, 'utf8') : ''),

    logged: (pattern, from = 0, timeoutMs = 30_000) =>
      until(
        () =>
          programs
            .log()
            .slice(from)
            .split('\n')
            .find((line) => pattern.test(line)),
        {
          what: `${pattern} in launcher.log`,
          timeoutMs,
        },
      ),

    nodepool: (...args) =>
      execa(process.execPath, [join(DIST, 'nodepool.cjs'), '-c', files.config, ...args], {
        reject: false,
        stdin: 'ignore',
        timeout: MOST_MS,
        env: { NODEPOOL_SSH_KEY: files.key },
      }) as Promise<Result<{ reject: false }>>,

    async list() {
      const { stdout, stderr, exitCode } = await programs.nodepool('list', '--format', 'json');
      if (exitCode !== 0) throw new Error(stderr);
      return JSON.parse(stdout) as Row[];
    },

    async request(...labels) {
      const args = ['request', '--wait', '--timeout', '60', '--format', 'json', ...labels];
      const { stdout, stderr } = await programs.nodepool(...args);
      if (stdout === '') throw new Error(stderr);
      const { id } = JSON.parse(stdout) as { id: string };
      return { id, nodes: (await programs.list()).filter((row) => row.allocated_to === id) };
    },

    async release(requestId) {
      const before = (await programs.list()).filter((row) => row.allocated_to === requestId);
      const { exitCode, stderr } = await programs.nodepool('release', requestId);
      if (exitCode !== 0) throw new Error(stderr);
      const ids = new Set(before.map(({ id }) => id));
      await until(async () => !(await programs.list()).some(({ id }) => ids.has(id)), {
        what: `nodes of ${requestId} to go`,
        timeoutMs: 30_000,
      });
    },

    ssh(row, command, keyFile = files.key) {
      const knownHosts = join(dir, `known-${row.id}`);
      const place = `[${row.interface_ip}]:${row.connection_port}`;
      writeFileSync(knownHosts, row.host_keys.map((line) => `${place} ${line}\n`).join(''));
      const options = [
        `UserKnownHostsFile=${knownHosts}`,
        'GlobalKnownHostsFile=/dev/null',
        'StrictHostKeyChecking=yes',
        'BatchMode=yes',
        'IdentitiesOnly=yes',
        'ConnectTimeout=10',
        'LogLevel=ERROR',
      ].flatMap((option) => ['-o', option]);
      // As printed by `nodepool list --detail`: `ssh -p 22022 zuul-worker@10.77.1.11`.
      const [, ...connection] = row.connection.split(' ');
      const args = ['-F', 'none', '-i', keyFile, ...options, ...connection, command];
      return execa('ssh', args, { reject: false, timeout: MOST_MS });
    },
  };
  return programs;
}
