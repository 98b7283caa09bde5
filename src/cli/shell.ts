/** A terminal on a node through the system's ssh, with the node's recorded host keys. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EXIT_NOT_RUN, Failure } from './failure.ts';
import type { SshTarget } from '../operator/connection.ts';
import type { Identities } from './identity.ts';
import { warn } from './print.ts';
import type { Tools } from './verb.ts';

/**
 * Runs ssh with this process's terminal; without a command it opens a shell. Returns ssh's exit code, which is that of
 * the shell or the command, or 255 when ssh itself fails.
 */
export async function runSsh(
  tools: Tools,
  target: SshTarget,
  identities: Identities,
  { command, tty = false, signal }: { command?: string; tty?: boolean; signal: AbortSignal },
): Promise<number> {
  const dir = await mkdtemp(join(tmpdir(), 'nodepool-ssh-'));
  try {
    const knownHosts = join(dir, 'known_hosts');
    await writeFile(knownHosts, target.hostKeys.map((key) => `${aliasOf(target)} ${key}\n`).join(''), {
      mode: 0o600,
    });
    if (target.hostKeys.length === 0) {
      warn(tools, `node ${target.nodeId} has no recorded host key: its identity is not checked`);
    }
    return await spawnSsh(tools, sshArguments(target, identities, { knownHosts, command, tty }), signal);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Pure: the arguments of ssh. */
export function sshArguments(
  target: SshTarget,
  identities: Pick<Identities, 'files' | 'explicit'>,
  { knownHosts, command, tty }: { knownHosts: string; command?: string | undefined; tty?: boolean },
): string[] {
  const checked = target.hostKeys.length > 0;
  const options = {
    UserKnownHostsFile: checked ? knownHosts : '/dev/null',
    GlobalKnownHostsFile: '/dev/null',
    StrictHostKeyChecking: checked ? 'yes' : 'no',
    HostKeyAlias: aliasOf(target),
    UpdateHostKeys: 'no',
    ConnectTimeout: '20',
    LogLevel: 'ERROR',
    ...(identities.explicit ? { IdentitiesOnly: 'yes' } : {}),
  };
  return [
    ...Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
    ...(tty ? ['-t'] : []),
    ...identities.files.flatMap(({ path }) => ['-i', path]),
    ...['-p', String(target.port), '-l', target.username, '--', target.host],
    ...(command === undefined ? [] : [command]),
  ];
}

/** Keys are looked up under this name, so that addresses and ports that are used again do not matter. */
function aliasOf({ nodeId }: SshTarget): string {
  return `nodepool-${nodeId}`;
}

function spawnSsh(tools: Tools, args: string[], signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn('ssh', args, { stdio: 'inherit', env: tools.io.env });
    const stop = () => child.kill('SIGTERM');
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    child.once('error', (error: NodeJS.ErrnoException) => {
      signal.removeEventListener('abort', stop);
      const reason = error.code === 'ENOENT' ? 'it is not installed (package openssh-client)' : error.message;
      reject(new Failure(`ssh cannot be started: ${reason}`, EXIT_NOT_RUN));
    });
    child.once('close', (code) => {
      signal.removeEventListener('abort', stop);
      resolve(code ?? EXIT_NOT_RUN);
    });
  });
}
