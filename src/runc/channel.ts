/** Two ways to a shell on a hypervisor: a child process here, or one channel of an SSH connection. */
import { spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { HostError } from '../errors.ts';
import type { SshConnection } from '../ssh/connection.ts';

export interface Channel {
  stdin: Writable;
  stdout: Readable;
  stderr: Readable;
  /** Resolves with the reason when the shell has ended. Never rejects. */
  ended: Promise<string>;
  /** Ends the shell: at the end of its input, then at once. */
  close(): void;
}

/** A shell on this machine, in a process group of its own so that Ctrl-C at the launcher does not reach it. */
export function openLocalShell(shell: readonly string[] = ['sh']): Channel {
  const [program = 'sh', ...args] = shell;
  if (process.getuid?.() !== 0) {
    throw new HostError(
      'this machine',
      '`connection: local` needs root, because runc does; run the launcher as root or use SSH',
    );
  }
  const child = spawn(program, args, { stdio: 'pipe', detached: true, cwd: '/' });
  child.stdin.on('error', () => undefined);
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`cannot start ${program}: ${error.message}`));
    child.once('close', (code, signal) =>
      resolve(`the agent's shell ended (${signal ?? `exit code ${String(code)}`})`),
    );
  });
  return {
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    ended,
    close() {
      child.stdin.end();
      child.stdout.destroy();
      child.stderr.destroy();
    },
  };
}

/** A shell through an SSH connection; closing it closes the connection. */
export async function openRemoteShell(connection: SshConnection): Promise<Channel> {
  const { channel, closed } = await connection.exec('exec sh');
  channel.on('error', () => undefined);
  const ended = Promise.race([
    connection.ended,
    closed.then((code) => `the agent's shell ended (exit code ${String(code)})`),
  ]);
  return {
    stdin: channel,
    stdout: channel,
    stderr: channel.stderr,
    ended,
    close() {
      channel.end();
      connection.close();
    },
  };
}
