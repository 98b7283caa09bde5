import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import type { Test } from 'tap';
import { until } from '../support/poll.ts';

/** Starts a database server of its own that only a socket leads to; resolves with the address for SQLAlchemy. */
export async function startMariadb(t: Test, dir: string): Promise<string> {
  const data = join(dir, 'data');
  const socket = join(dir, 'socket');
  await mkdir(dir, { recursive: true });
  const as = ['--no-defaults', `--datadir=${data}`, '--user=root'];
  await execa('mariadb-install-db', [...as, '--skip-test-db'], { timeout: 60_000 });
  const options = [...as, `--socket=${socket}`, '--skip-networking', '--skip-grant-tables'];
  const server = spawn('mariadbd', [...options, `--pid-file=${join(dir, 'pid')}`], { stdio: 'ignore' });
  const ended = once(server, 'close');
  t.teardown(async () => {
    server.kill('SIGKILL');
    await ended;
  });
  const create = () =>
    execa('mariadb', ['--no-defaults', `--socket=${socket}`, '-e', 'CREATE DATABASE zuul'], {
      reject: false,
    });
  await until(async () => (await create()).exitCode === 0, {
    timeoutMs: 60_000,
    what: 'the database server',
  });
  return `mysql+pymysql://root@localhost/zuul?unix_socket=${socket}`;
}
