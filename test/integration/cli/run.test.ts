import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Interrupted } from '../../../src/cli/failure.ts';
import { inRequestState } from '../../../src/model/request.ts';
import { answerRequests, openCli, type Cli, type RunOptions } from '../../support/cli.ts';
import { makeKey } from '../../support/ssh-keys.ts';
import { startSshServer, type SshServer, type SshServerOptions } from '../../support/ssh-server.ts';

interface Setting extends Cli {
  server: SshServer;
  keyFile: string;
  /** `nodepool run debian …` with the right key. */
  go(args: readonly string[], options?: RunOptions): ReturnType<Cli['run']>;
}

/** A launcher that answers every request with a node on a real SSH server. */
async function set(
  t: Test,
  { node = {}, ...options }: SshServerOptions & { node?: object } = {},
): Promise<Setting> {
  const cli = await openCli(t);
  const server = await startSshServer(t, options);
  const keyFile = join(cli.dir, 'key');
  writeFileSync(keyFile, server.clientKey.private, { mode: 0o600 });
  await answerRequests(t, cli.store, {
    interfaceIp: server.host,
    connectionPort: server.port,
    connectionType: 'ssh',
    username: 'zuul-worker',
    hostKeys: server.hostKeys,
    ...node,
  });
  return {
    ...cli,
    server,
    keyFile,
    go: (args, more) => cli.run(['run', 'debian', '-i', keyFile, ...args], more),
  };
}

/** What remains after a run: the nodes' states, and that nothing is locked or requested. */
async function remains(t: Test, { store }: Cli): Promise<string[]> {
  t.same(await store.requests.list(), [], 'the request is gone');
  const nodes = await store.nodes.list();
  t.ok(
    nodes.every(({ locked }) => !locked),
    'no node is locked',
  );
  return nodes.map(({ value }) => value.state);
}

t.test('passes output and exit code on and frees the node', async (t) => {
  const setting = await set(t);
  const { code, stdout, stderr } = await setting.go(['--', 'echo out; echo err >&2; exit 3']);
  t.equal(code, 3);
  t.equal(stdout, 'out\n');
  t.match(stderr, /node 0000000001 \(zuul-worker@127.0.0.1:\d+\) ready after/);
  t.match(stderr, /^err$/m);
  t.same(await remains(t, setting), ['used']);
});

t.test('makes one connection and logs in once', async (t) => {
  const setting = await set(t);
  await setting.go(['--', 'true']);
  t.same(setting.server.counts, { connections: 1, logins: 1 });
});

t.test('marks the node in-use, locked, while the command runs, and the request is ephemeral', async (t) => {
  let check: Promise<void> | undefined;
  const setting = await set(t, {
    run: async () => {
      check ??= (async () => {
        t.match(await setting.store.nodes.list(), [
          { value: { state: 'in-use', type: ['debian'] }, locked: true },
        ]);
        t.match(await setting.store.requests.list(), [
          { id: '100-0000000001', value: { requestor: `nodepool run tester@here ${process.pid}` } },
        ]);
      })();
      await check;
      return 0;
    },
  });
  t.equal((await setting.go(['--', 'x'])).code, 0);
});

t.test('passes several words exactly and forwards large input', async (t) => {
  const setting = await set(t);
  const { stdout } = await setting.go(['--', 'printf', '%s|', 'a b', '$HOME', "it's"]);
  t.equal(stdout, "a b|$HOME|it's|");
  const stdin = 'x'.repeat(300_000);
  const hash = createHash('sha256').update(stdin).digest('hex');
  t.match((await setting.go(['--', 'sha256sum'], { stdin })).stdout, hash);
  const big = await setting.go(['--', 'head -c 3000000 /dev/zero | tr "\\0" y']);
  t.equal(big.stdout.length, 3_000_000);
});

t.test('reports a command that a signal ended as a shell does', async (t) => {
  const setting = await set(t, {
    run: (_, channel) => {
      channel.exit('KILL');
      channel.end();
      return new Promise<number>(() => undefined);
    },
  });
  t.equal((await setting.go(['--', 'x'])).code, 137);
});

t.test('runs on several nodes at once, prefixes their lines, and answers the largest code', async (t) => {
  let count = 0;
  const setting = await set(t, {
    run: async (_, channel) => {
      const code = count++;
      channel.write('one\ntw');
      channel.write('o');
      return code;
    },
  });
  const { code, stdout } = await setting.go(['--nodes', '3', '--', 'x']);
  t.equal(code, 2);
  t.same(stdout.split('\n').sort(), [
    '',
    ...['0000000001', '0000000002', '0000000003'].flatMap((id) => [`[${id}] one`, `[${id}] two`]),
  ]);
  t.same(await remains(t, setting), ['used', 'used', 'used']);
});

t.test('keeps a node on which the command failed, with the reason', async (t) => {
  const setting = await set(t);
  const { code, stderr } = await setting.go(['--hold-on-failure', '--reason', 'flaky', '--', 'exit 4']);
  t.equal(code, 4);
  t.match(stderr, 'node 0000000001 is kept: nodepool ssh 0000000001; when done: nodepool delete 0000000001');
  t.same(await remains(t, setting), ['hold']);
  t.equal((await setting.store.nodes.get('0000000001'))?.value.comment, 'flaky');

  t.equal((await setting.go(['--hold-on-failure', '--', 'true'])).code, 0);
  t.same(await remains(t, setting), ['hold', 'used']);
  await setting.go(['--hold-on-failure', '--', 'false']);
  t.equal(
    (await setting.store.nodes.get('0000000003'))?.value.comment,
    'nodepool run by tester@here: false ended with 1',
  );
});

t.test('refuses a node that answers with another host key', async (t) => {
  const setting = await set(t, { node: { hostKeys: [makeKey().public] } });
  const { code, stderr } = await setting.go(['--', 'true']);
  t.equal(code, 125);
  t.match(stderr, /answers with another host key than recorded: ssh-ed25519 SHA256:/);
  t.equal(setting.server.counts.logins, 0);
  t.same(await remains(t, setting), ['used']);
});

t.test('asks for the key type that was recorded, not for the best one', async (t) => {
  const rsa = makeKey('rsa');
  const setting = await set(t, { hostKeys: ['ed25519', rsa], node: { hostKeys: [rsa.public] } });
  t.equal((await setting.go(['--', 'true'])).code, 0);
});

t.test('says which keys were tried when none is accepted', async (t) => {
  const setting = await set(t);
  const wrong = join(setting.dir, 'wrong');
  writeFileSync(wrong, makeKey().private, { mode: 0o600 });
  const refused = await setting.run(['run', 'debian', '-i', wrong, '--', 'true']);
  t.equal(refused.code, 125);
  t.match(
    refused.stderr,
    `refuses every key; tried ${wrong}, no other, because this one was named. Name the right one with -i FILE`,
  );
  t.same(await remains(t, setting), ['used']);
});

t.test('asks for no node when there is no key to enter it with', async (t) => {
  const { store, run, dir } = await openCli(t);
  const { code, stderr } = await run(['run', 'debian', '--', 'true'], {
    env: { NODEPOOL_SSH_KEY: join(dir, 'none') },
  });
  t.equal(code, 125);
  t.match(stderr, `no private key to enter a node with; tried ${join(dir, 'none')} (does not exist)`);
  t.same(await store.requests.list(), []);
});

t.test('looks for keys in the usual places, agent last', async (t) => {
  const { run, dir } = await openCli(t);
  const { stderr } = await run(['run', 'debian', '--', 'true'], { env: { HOME: dir } });
  t.match(
    stderr,
    `${dir}/.ssh/id_ed25519 (does not exist), ${dir}/.ssh/id_rsa (does not exist), no ssh agent`,
  );
});

t.test('fails when the connection is cut', async (t) => {
  const setting = await set(t, {
    run: () => {
      setting.server.cut();
      return new Promise<number>(() => undefined);
    },
  });
  const { code, stderr } = await setting.go(['--', 'sleep 100']);
  t.equal(code, 125);
  t.match(stderr, 'the connection was lost');
  t.same(await remains(t, setting), ['used']);
});

t.test('gives up after the timeout, with the reason, and withdraws the request', async (t) => {
  const { store, run, dir } = await openCli(t);
  const keyFile = join(dir, 'key');
  writeFileSync(keyFile, makeKey().private);
  const { code, stderr } = await run(['run', 'debian', '-i', keyFile, '--timeout', '1', '--', 'true']);
  t.equal(code, 124);
  t.match(stderr, 'no node within 1 s: no launcher is running on this state');
  t.same(await store.requests.list(), []);
});

t.test('fails soon when the request fails or is removed', async (t) => {
  const { store, run, dir } = await openCli(t);
  const keyFile = join(dir, 'key');
  writeFileSync(keyFile, makeKey().private);
  let remove = false;
  const view = await store.requests.watch(({ id, entry }) => {
    if (entry?.value.state !== 'requested') return;
    if (remove) void store.requests.remove(id);
    else void store.requests.update(id, (request) => inRequestState(request, 'failed', 1));
  });
  t.teardown(() => view.close());
  const failed = await run(['run', 'nosuch', '-i', keyFile, '--', 'true']);
  t.equal(failed.code, 125);
  t.match(failed.stderr, /request 100-0000000001 failed: /);
  t.same(await store.requests.list(), []);
  remove = true;
  t.match(await run(['run', 'debian', '-i', keyFile, '--', 'true']), {
    code: 125,
    stderr: /was removed by somebody else/,
  });
});

t.test('gives all nodes back when one of them is gone before it could be locked', async (t) => {
  const setting = await set(t);
  const held = setting.store.nodes.watch(({ id, entry }) => {
    if (id === '0000000002' && entry?.value.state === 'ready') void setting.store.nodes.remove(id);
  });
  t.teardown(async () => (await held).close());
  await held;
  const { code, stderr } = await setting.go(['--nodes', '2', '--', 'true']);
  t.equal(code, 125);
  t.match(stderr, 'was taken or deleted before it could be used');
  t.same(await remains(t, setting), ['ready']);
});

t.test('forwards a signal to the command, then frees the node', async (t) => {
  const stop = new AbortController();
  let got: unknown;
  const setting = await set(t, {
    run: async (_, channel) => {
      const signal = once(channel, 'signal');
      channel.write('started\n');
      [got] = (await signal) as unknown[];
      channel.write('ended\n');
      return 7;
    },
  });
  const { code, stdout, stderr } = await setting.go(['--hold-on-failure', '--', 'x'], {
    signal: stop.signal,
    onOutput: (text) => text.includes('started') && stop.abort(new Interrupted('SIGINT')),
  });
  t.equal(got, 'INT');
  t.equal(code, 130);
  t.equal(stdout, 'started\nended\n');
  t.match(stderr, 'stopped by SIGINT');
  t.same(await remains(t, setting), ['used']);
});

t.test('cuts the connection of a command that does not end at a signal', async (t) => {
  const stop = new AbortController();
  const setting = await set(t, {
    run: (_, channel) => {
      channel.write('started\n');
      return new Promise<number>(() => undefined);
    },
  });
  const { code, stderr } = await setting.go(['--', 'x'], {
    signal: stop.signal,
    onOutput: (text) => text.includes('started') && stop.abort(new Interrupted('SIGTERM')),
  });
  t.equal(code, 143);
  t.match(stderr, 'stopped by SIGTERM');
  t.same(await remains(t, setting), ['used']);
});

t.test('withdraws the request when it is interrupted while it waits', async (t) => {
  const { store, run, dir } = await openCli(t);
  const keyFile = join(dir, 'key');
  writeFileSync(keyFile, makeKey().private);
  const stop = new AbortController();
  const { code } = await run(['run', 'debian', '-i', keyFile, '--', 'true'], {
    signal: stop.signal,
    onOutput: () => stop.abort(new Interrupted('SIGTERM')),
  });
  t.equal(code, 143);
  t.same(await store.requests.list(), []);
});

t.test('wants a command where there is no terminal', async (t) => {
  const { run } = await openCli(t);
  t.match(await run(['run', 'debian']), { code: 2, stderr: /give the command after --/ });
  t.match(await run(['run', 'debian', '--format', 'json', '--', 'x']), {
    code: 2,
    stderr: /does not go with it/,
  });
});
