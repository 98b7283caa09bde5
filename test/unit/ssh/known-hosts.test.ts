import { createHmac } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parseKeyLine } from '../../../src/ssh/host-key.ts';
import { findKnownKeys, knownHostName, recordKnownKey } from '../../../src/ssh/known-hosts.ts';
import { expectedTypes, verifyHost } from '../../../src/ssh/verify-host.ts';
import { makeKey } from '../../support/ssh-keys.ts';
import { tempDir } from '../../support/temp.ts';

const key = makeKey().public;
const other = makeKey().public;
const blobOf = (line: string) => parseKeyLine(line) ?? Buffer.alloc(0);
const linesOf = (text: string, name: string) => findKnownKeys(text, name).map(({ line }) => line);

t.test('finds hosts by name, list, pattern, port and hash', (t) => {
  const hash = (name: string) => {
    const salt = Buffer.from('12345678901234567890');
    return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`;
  };
  const text = [
    '# a comment',
    `hv1 ${key} with a comment`,
    `hv2,HV3.example.net,10.0.0.1 ${key}`,
    `*.farm.example.net,!bad.farm.example.net ${key}`,
    `[hv1]:2222 ${key}`,
    `${hash('hv4')} ${key}`,
    `${hash('[hv4]:2222')} ${key}`,
    'hv1 ssh-ed25519 nonsense',
    `@cert-authority hv1 ${key}`,
    '',
    `hv?? ${other}`,
  ].join('\n');
  t.strictSame(linesOf(text, knownHostName('hv1', 22)), [2]);
  t.strictSame(linesOf(text, knownHostName('Hv3.Example.net', 22)), [3]);
  t.strictSame(linesOf(text, knownHostName('10.0.0.1', 22)), [3]);
  t.strictSame(linesOf(text, knownHostName('a.farm.example.net', 22)), [4]);
  t.strictSame(linesOf(text, knownHostName('bad.farm.example.net', 22)), []);
  t.strictSame(linesOf(text, knownHostName('hv1', 2222)), [5]);
  t.strictSame(linesOf(text, knownHostName('hv4', 22)), [6]);
  t.strictSame(linesOf(text, knownHostName('hv4', 2222)), [7]);
  t.strictSame(linesOf(text, knownHostName('hv10', 22)), [11]);
  t.strictSame(linesOf(text, knownHostName('hvx1', 22)), [11]);
  t.strictSame(linesOf(text, knownHostName('10x0.0.1', 22)), [], 'a dot is a dot');
  t.end();
});

t.test('records a new host once, at the end of the file', (t) => {
  const file = join(tempDir(t), 'ssh', 'known_hosts');
  const identity = { host: 'hv1', port: 22, hostKeys: [], knownHosts: file };
  t.equal(verifyHost(identity, blobOf(key)), true);
  t.equal(statSync(file).mode & 0o777, 0o600);
  t.equal(verifyHost(identity, blobOf(key)), false);
  t.equal(readFileSync(file, 'utf8'), `hv1 ${key}\n`);
  writeFileSync(file, `hv2 ${other}`);
  recordKnownKey(file, 'hv1', 2222, blobOf(key));
  t.equal(readFileSync(file, 'utf8'), `hv2 ${other}\n[hv1]:2222 ${key}\n`);
  t.end();
});

t.test('refuses a changed and a revoked key, and writes nothing', (t) => {
  const file = join(tempDir(t), 'known_hosts');
  const identity = { host: 'hv1', port: 22, hostKeys: [], knownHosts: file };
  writeFileSync(file, `hv1 ${other}\n`);
  t.throws(() => verifyHost(identity, blobOf(key)), {
    name: 'HostError',
    message:
      /hv1 has changed: expected ssh-ed25519 SHA256:\S+ \(\S+known_hosts line 1\), found ssh-ed25519 SHA256:\S+\. .*`ssh-keygen -R 'hv1' -f/,
  });
  writeFileSync(file, `hv1 ${key}\n@revoked * ${key}\n`);
  t.throws(() => verifyHost(identity, blobOf(key)), /marked @revoked in \S+ line 2/);
  t.equal(readFileSync(file, 'utf8'), `hv1 ${key}\n@revoked * ${key}\n`);
  t.end();
});

t.test('several keys of a host are all good, and those known are asked for first', (t) => {
  const file = join(tempDir(t), 'known_hosts');
  const rsa = makeKey('rsa').public;
  const identity = { host: 'hv1', port: 22, hostKeys: [], knownHosts: file };
  t.strictSame(expectedTypes(identity), []);
  writeFileSync(file, `hv1 ${rsa}\nhv1 ${key}\n@revoked hv1 ${other}\n`);
  t.strictSame(expectedTypes(identity), ['ssh-rsa', 'ssh-ed25519']);
  t.equal(verifyHost(identity, blobOf(rsa)), false);
  t.equal(verifyHost(identity, blobOf(key)), false);
  t.end();
});

t.test('configured keys count alone', (t) => {
  const file = join(tempDir(t), 'known_hosts');
  const identity = { host: 'hv1', port: 22, hostKeys: [key], knownHosts: file };
  t.equal(verifyHost(identity, blobOf(key)), false);
  t.throws(
    () => verifyHost(identity, blobOf(other)),
    /another host key than its `host-key` in the configuration/,
  );
  t.strictSame(expectedTypes(identity), ['ssh-ed25519']);
  t.notOk(existsSync(file), 'nothing is recorded');
  t.end();
});
