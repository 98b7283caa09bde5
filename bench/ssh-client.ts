/** The same client for everything that is measured: the `ssh` program, running `true`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';

export interface SshTarget {
  port: number;
  user: string;
  keyFile: string;
}

const GIVE_UP_MS = 60_000;

/** Resolves when the command was run there. */
export async function answer({ port, user, keyFile }: SshTarget): Promise<void> {
  const settings = [
    'UserKnownHostsFile=/dev/null',
    'StrictHostKeyChecking=no',
    'BatchMode=yes',
    'LogLevel=ERROR',
  ];
  const child = spawn(
    'ssh',
    [
      ...['-F', 'none', '-i', keyFile, '-o', 'IdentitiesOnly=yes', '-p', String(port)],
      ...settings.flatMap((setting) => ['-o', setting]),
      ...[`${user}@127.0.0.1`, 'true'],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const [code] = (await once(child, 'close')) as [number];
  if (code !== 0) throw new Error(`ssh -p ${port} ${user}@127.0.0.1: exit code ${code}\n${errors}`);
}

/** Resolves when something listens, looked at so often that it costs the floor nothing. */
export async function whenListening(port: number): Promise<void> {
  const deadline = performance.now() + GIVE_UP_MS;
  while (!(await canConnect(port))) {
    if (performance.now() > deadline) throw new Error(`nothing listens on port ${port}`);
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => (socket.destroy(), resolve(true)));
    socket.once('error', () => resolve(false));
  });
}
