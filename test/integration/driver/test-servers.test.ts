// The SSH servers that other tests rely on: do they behave like servers?
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { makeKey } from '../../support/ssh-keys.ts';
import { startSshServer } from '../../support/ssh-server.ts';
import { sshdMissing, startSshd } from '../../support/sshd.ts';
import { tempDir } from '../../support/temp.ts';

const run = promisify(execFile);

/** What the ssh command needs to log in without asking and without this machine's own configuration. */
function sshArguments(server: { host: string; port: number }, keyFile: string): string[] {
  const options = [
    'StrictHostKeyChecking=no',
    'UserKnownHostsFile=/dev/null',
    'LogLevel=ERROR',
    'BatchMode=yes',
  ];
  return [
    ...['-F', 'none', '-i', keyFile, '-p', String(server.port)],
    ...options.flatMap((option) => ['-o', option]),
    `root@${server.host}`,
  ];
}

t.test('the in-process server runs commands for the ssh command and passes exit codes on', async (t) => {
  const server = await startSshServer(t);
  const keyFile = join(tempDir(t), 'key');
  writeFileSync(keyFile, server.clientKey.private, { mode: 0o600 });
  const { stdout } = await run('ssh', [...sshArguments(server, keyFile), 'echo hello; echo $((6 * 7))']);
  t.equal(stdout, 'hello\n42\n');
  await t.rejects(run('ssh', [...sshArguments(server, keyFile), 'exit 7']), { code: 7 });
  t.same(server.counts, { connections: 2, logins: 2 });
});

t.test('the in-process server refuses keys that it does not know', async (t) => {
  const server = await startSshServer(t);
  const keyFile = join(tempDir(t), 'key');
  writeFileSync(keyFile, makeKey().private, { mode: 0o600 });
  await t.rejects(run('ssh', [...sshArguments(server, keyFile), 'true']), { code: 255 });
  t.equal(server.counts.logins, 0);
});

t.test(
  'the real sshd lets its client key in, and stopping it ends its sessions',
  { skip: sshdMissing() },
  async (t) => {
    const server = await startSshd(t);
    const { stdout } = await run('ssh', [...sshArguments(server, server.clientKeyFile), 'id -u']);
    t.equal(stdout, '0\n');
    const session = run('ssh', [
      ...sshArguments(server, server.clientKeyFile),
      'echo started >&2; exec sleep 300',
    ]);
    const refused = t.rejects(session, 'the session ends with the server');
    await new Promise((resolve) => session.child.stderr?.once('data', resolve));
    await server.stop();
    await refused;
  },
);
