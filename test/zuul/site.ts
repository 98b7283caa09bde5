/** A whole Zuul on this machine: scheduler, executor, merger and web server, each a process of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, existsSync, openSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { execa } from 'execa';
import type { Test } from 'tap';
import { request } from 'undici';
import type { Peers } from '../interop/peers.ts';
import { freePort } from '../support/free-port.ts';
import { until } from '../support/poll.ts';
import { startMariadb } from './mariadb.ts';
import { makeRepositories, push } from './repositories.ts';

export interface Build {
  uuid: string;
  job_name: string;
  result: string | null;
  error_detail: string | null;
}

export interface ZuulSite {
  /** A push to the project, which starts its jobs. */
  push(message: string): Promise<void>;
  /** Uuid of the job's running build, as soon as there is one. */
  running(job: string): Promise<string>;
  /** The job's finished build. */
  finished(job: string): Promise<Build>;
  /** What `finger` shows of a running build, to its end. */
  follow(uuid: string): Promise<string>;
  /** `zuul-client` with an operator's token. */
  client(...args: string[]): Promise<string>;
}

const TENANT = 'main';
const START_MS = 180_000;
const JOB_MS = 180_000;
const COMMAND_MS = 60_000;

export interface SiteOptions {
  peers: Peers;
  dir: string;
  /** `localhost:2281` */
  zookeeper: string;
  tls: { ca: string; cert: string; key: string };
  /** Private key with which jobs enter the nodes. */
  keyFile: string;
  ansibleRoot: string;
}

/** The first of these programs that this machine does not have, as a reason to skip. */
export function programMissing(names: readonly string[]): string | false {
  const places = (process.env['PATH'] ?? '').split(':').concat('/usr/sbin');
  const missing = names.find((name) => !places.some((place) => existsSync(join(place, name))));
  return missing !== undefined && `${missing} is not installed; npm run test:zuul installs it on Debian`;
}

export async function startZuul(t: Test, options: SiteOptions): Promise<ZuulSite> {
  const { peers, dir } = options;
  const repositories = join(dir, 'git');
  const [webPort, fingerPort] = [await freePort(), await freePort()];
  const web = `http://127.0.0.1:${webPort}`;
  await makeRepositories(repositories);
  const database = await startMariadb(t, join(dir, 'mariadb'));
  const { stdout: pythonHome } = await execa(peers.python, ['-c', 'import sys; print(sys.base_prefix)'], {
    timeout: COMMAND_MS,
  });
  const config = writeConfig(options, { repositories, database, webPort, fingerPort, pythonHome });

  for (const service of ['scheduler', 'merger', 'executor', 'web']) {
    startService(t, peers, config, join(dir, `${service}.log`), service);
  }
  const get = async (path: string): Promise<unknown> => {
    const { statusCode, body } = await request(`${web}/api/tenant/${TENANT}/${path}`);
    const text = await body.text();
    return statusCode === 200 ? JSON.parse(text) : undefined;
  };
  const hasJobs = async () =>
    JSON.stringify((await get('jobs').catch(() => undefined)) ?? '').includes('passes');
  await until(hasJobs, {
    timeoutMs: START_MS,
    intervalMs: 500,
    what: `Zuul to know its jobs; see ${dir}/*.log`,
  });

  return {
    push: (message) => push(repositories, message),
    running: (job) =>
      until(async () => findRunning(await get('status'), job), {
        timeoutMs: JOB_MS,
        intervalMs: 200,
        what: `job ${job} to run`,
      }),
    finished: (job) =>
      until(async () => ((await get(`builds?job_name=${job}&complete=true`)) as Build[] | undefined)?.[0], {
        timeoutMs: JOB_MS,
        intervalMs: 500,
        what: `job ${job} to end`,
      }),
    follow: (uuid) => finger(fingerPort, uuid),
    async client(...args) {
      const who = [
        '--auth-config',
        'zuul_operator',
        '--tenant',
        TENANT,
        '--user',
        'operator',
        '--expires-in',
        '600',
      ];
      const token = await execa(peers.program('zuul-admin'), ['-c', config, 'create-auth-token', ...who], {
        timeout: COMMAND_MS,
      });
      const secret = token.stdout.trim().replace(/^Bearer /, '');
      const { stdout } = await execa(
        peers.program('zuul-client'),
        ['--zuul-url', web, '--auth-token', secret, ...args],
        { timeout: COMMAND_MS },
      );
      return stdout;
    },
  };
}

function writeConfig(
  { dir, zookeeper, tls, keyFile, ansibleRoot }: SiteOptions,
  at: { repositories: string; database: string; webPort: number; fingerPort: number; pythonHome: string },
): string {
  const tenants = join(dir, 'main.yaml');
  writeFileSync(
    tenants,
    JSON.stringify([
      {
        tenant: {
          name: TENANT,
          'admin-rules': ['operators'],
          source: { local: { 'config-projects': ['config'], 'untrusted-projects': ['project'] } },
        },
      },
      { 'admin-rule': { name: 'operators', conditions: [{ sub: 'operator' }] } },
    ]),
  );
  const state = (service: string) => {
    const place = join(dir, service);
    mkdirSync(place, { recursive: true });
    return { state_dir: place, command_socket: join(place, 'command.sock'), pidfile: join(place, 'pid') };
  };
  const sections: Record<string, Record<string, string | number>> = {
    zookeeper: { hosts: zookeeper, tls_ca: tls.ca, tls_cert: tls.cert, tls_key: tls.key },
    keystore: { password: 'for tests' },
    database: { dburi: at.database },
    scheduler: { ...state('scheduler'), tenant_config: tenants },
    merger: {
      ...state('merger'),
      git_dir: join(dir, 'merger/git'),
      git_user_name: 'zuul',
      git_user_email: 'zuul@localhost',
    },
    executor: {
      ...state('executor'),
      git_dir: join(dir, 'executor/git'),
      job_dir: join(dir, 'executor'),
      ansible_root: ansibleRoot,
      manage_ansible: 'false',
      private_key_file: keyFile,
      default_username: 'zuul-worker',
      finger_port: at.fingerPort,
      hostname: '127.0.0.1',
      disk_limit_per_job: -1,
      load_multiplier: 1000, // other tests may run
      min_avail_mem: 1,
      min_avail_hdd: 0.1,
      untrusted_ro_paths: at.pythonHome, // where it is not below /usr, which jobs see anyway
    },
    web: {
      ...state('web'),
      listen_address: '127.0.0.1',
      port: at.webPort,
      root: `http://127.0.0.1:${at.webPort}/`,
    },
    'auth zuul_operator': {
      driver: 'HS256',
      allow_authz_override: 'true',
      realm: 'zuul.test',
      client_id: 'zuul.test',
      issuer_id: 'zuul_operator',
      secret: 'only for tests and long enough for a signature',
    },
    'connection local': {
      driver: 'git',
      baseurl: at.repositories,
      canonical_hostname: 'git.test',
      poll_delay: 1,
    },
  };
  const file = join(dir, 'zuul.conf');
  const text = Object.entries(sections).map(
    ([name, keys]) =>
      `[${name}]\n${Object.entries(keys)
        .map(([key, value]) => `${key}=${String(value).replaceAll('%', '%%')}\n`)
        .join('')}`,
  );
  writeFileSync(file, text.join('\n'), { mode: 0o600 });
  return file;
}

function startService(t: Test, peers: Peers, config: string, log: string, service: string): void {
  const output = openSync(log, 'a');
  const bin = peers.program('').replace(/\/$/, '');
  const child = spawn(peers.program(`zuul-${service}`), ['-c', config, '-f', '-d'], {
    stdio: ['ignore', output, output],
    env: { ...process.env, PATH: `${bin}:${process.env['PATH']}` },
    detached: true, // an executor has jobs below it
  });
  const ended = once(child, 'close');
  t.teardown(async () => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
      process.kill(-child.pid, 'SIGKILL');
    await ended;
    if (!t.passing() && existsSync(log))
      t.comment(`${service}:\n${readFileSync(log, 'utf8').slice(-20_000)}`);
  });
}

interface Status {
  pipelines?: {
    change_queues: {
      heads: { jobs: { name: string; uuid: string | null; start_time: number | null }[] }[][];
    }[];
  }[];
}

function findRunning(status: unknown, job: string): string | undefined {
  const queues = ((status as Status | undefined)?.pipelines ?? []).flatMap(
    (pipeline) => pipeline.change_queues,
  );
  const jobs = queues.flatMap(({ heads }) => heads.flat().flatMap((head) => head.jobs));
  return (
    jobs.find(({ name, uuid, start_time: start }) => name === job && uuid !== null && start !== null)?.uuid ??
    undefined
  );
}

function finger(port: number, uuid: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(`${uuid}\r\n`));
    socket.setEncoding('utf8').on('data', (part: string) => (text += part));
    socket.once('error', reject).once('close', () => resolve(text));
    socket.setTimeout(JOB_MS, () => socket.destroy());
  });
}
