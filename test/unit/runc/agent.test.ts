import { spawnSync } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import t from 'tap';
import { systemClock } from '../../../src/clock.ts';
import { Agent, assignments, explain } from '../../../src/runc/agent.ts';
import { quote } from '../../../src/shell.ts';

function fakeChannel() {
  const events = new EventEmitter();
  const stdin = new PassThrough();
  const channel = {
    stdin,
    stdout: new PassThrough(),
    stderr: new PassThrough(),
    ended: once(events, 'end').then(([reason]) => String(reason)),
    close: () => events.emit('end', 'closed'),
  };
  return { channel, end: (reason: string) => events.emit('end', reason) };
}

t.test('any text goes through the shell unchanged', (t) => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 5 }), (texts) => {
      const words = texts.map((text) => text.replaceAll('\0', ''));
      const lines = words.map((word, index) => `v${index}=${quote(word)}`).join(' ');
      const print = words.map((_, index) => `printf '%s\\0' "$v${index}"`).join('\n');
      const { stdout } = spawnSync('sh', [], { input: `${lines}\n${print}\n`, encoding: 'utf8' });
      return stdout === words.map((word) => `${word}\0`).join('');
    }),
    { numRuns: 50 },
  );
  t.equal(assignments({ path: "it's", port: 22 }), `path='it'\\''s' port='22'`);
  t.throws(() => quote('a\0b'), /zero byte/);
  t.end();
});

t.test('answers are matched to their operations, in pieces and out of order', async (t) => {
  const { channel } = fakeChannel();
  const agent = new Agent('hv1', channel, { base: '/x' }, systemClock);
  const first = agent.run('list', {}, { timeoutMs: 5000 });
  const second = agent.run('alive', { id: 'a' }, { timeoutMs: 5000 });
  const text = 'zwei\nZeilen mit ü';
  const base64 = Buffer.from(text).toString('base64');
  channel.stdout.write('Welcome to hv1!\n@9 0 nobody asked\n@2 0 running\n');
  channel.stdout.write(`@1 + ${base64.slice(0, 8)}\n@1 + ${base64.slice(8)}\n@1 3 \n`);
  t.strictSame(await second, { code: 0, text: 'running' });
  const answer = await first;
  t.strictSame(answer, { code: 3, text });
  t.equal(explain(answer), 'zwei; Zeilen mit ü');
  agent.close();
});

t.test('a lost connection ends every operation with what the shell said last', async (t) => {
  const { channel, end } = fakeChannel();
  const agent = new Agent('hv1', channel, {}, systemClock);
  const waiting = agent.run('list', {}, { timeoutMs: 5000 });
  waiting.catch(() => undefined);
  channel.stderr.write('sh: out of memory\n');
  await new Promise((resolve) => setImmediate(resolve));
  end('the connection was reset');
  await t.rejects(waiting, {
    name: 'HostError',
    host: 'hv1',
    message: 'the connection was reset: sh: out of memory',
  });
  await t.rejects(agent.run('list', {}, { timeoutMs: 5000 }), /reset/);
});

t.test('an operation that is not answered, or no longer wanted, is given up', async (t) => {
  const { channel } = fakeChannel();
  const agent = new Agent('hv1', channel, {}, systemClock);
  await t.rejects(agent.run('list', {}, { timeoutMs: 1 }), /no answer to list within 0\.001 s/);
  const cancel = new AbortController();
  const waiting = agent.run('list', {}, { timeoutMs: 5000, signal: cancel.signal });
  cancel.abort(new Error('enough'));
  await t.rejects(waiting, /enough/);
  agent.close();
});

t.test('no secret is an argument of a command: operations only set variables', (t) => {
  const { channel } = fakeChannel();
  const agent = new Agent('hv1', channel, {}, systemClock);
  channel.stdin.read();
  void agent.run('create', { id: 'a', host_key: 'private' }, { timeoutMs: 5 }).catch(() => undefined);
  t.equal(
    String(channel.stdin.read()),
    `jobs >/dev/null; { op=1 id='a' host_key='private'; np_run create; } &\n`,
  );
  t.end();
});
