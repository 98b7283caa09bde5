/** Certificates for tests of TLS, made with openssl: nothing secret, nothing kept. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ServerTls } from './zookeeper.ts';

const run = promisify(execFile);

export interface KeyPair {
  cert: string;
  key: string;
}

export interface Certificates {
  ca: string;
  /** Of another authority. */
  wrongCa: string;
  /** Names `localhost` and 127.0.0.1. */
  server: ServerTls;
  /** Names `elsewhere.example.org`. */
  misnamedServer: ServerTls;
  expiredServer: ServerTls;
  client: KeyPair;
  /** Signed by the other authority. */
  foreignClient: KeyPair;
  expiredClient: KeyPair;
  remove(): Promise<void>;
}

/** Makes everything anew; takes about a second. */
export async function makeCertificates(): Promise<Certificates> {
  const directory = await mkdtemp(join(tmpdir(), 'zookeeper-certs-'));
  const at = (name: string) => join(directory, name);
  await Promise.all([makeAuthority(directory, 'ca'), makeAuthority(directory, 'wrong-ca')]);
  const here = 'DNS:localhost,IP:127.0.0.1';
  const [server, misnamed, expired, client, foreignClient, expiredClient] = await Promise.all([
    makeCertificate(directory, 'server', { ca: 'ca', names: here }),
    makeCertificate(directory, 'misnamed', { ca: 'ca', names: 'DNS:elsewhere.example.org' }),
    makeCertificate(directory, 'expired', { ca: 'ca', names: here, isExpired: true }),
    makeCertificate(directory, 'client', { ca: 'ca', names: here }),
    makeCertificate(directory, 'foreign-client', { ca: 'wrong-ca', names: here }),
    makeCertificate(directory, 'expired-client', { ca: 'ca', names: here, isExpired: true }),
  ]);
  const forServer = async (pair: KeyPair): Promise<ServerTls> => {
    const keyAndCert = `${pair.cert}.both`;
    await writeFile(keyAndCert, (await readFile(pair.key, 'utf8')) + (await readFile(pair.cert, 'utf8')));
    return { keyAndCert, ca: at('ca.crt') };
  };
  return {
    ca: at('ca.crt'),
    wrongCa: at('wrong-ca.crt'),
    server: await forServer(server),
    misnamedServer: await forServer(misnamed),
    expiredServer: await forServer(expired),
    client,
    foreignClient,
    expiredClient,
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

async function makeAuthority(directory: string, name: string): Promise<void> {
  const files = ['-keyout', `${name}.key`, '-out', `${name}.crt`];
  const use = [
    '-addext',
    'basicConstraints=critical,CA:TRUE',
    '-addext',
    'keyUsage=critical,keyCertSign,cRLSign',
  ];
  await run('openssl', ['req', '-x509', ...newKey, ...files, '-days', '2', '-subj', `/CN=${name}`, ...use], {
    cwd: directory,
  });
}

async function makeCertificate(
  directory: string,
  name: string,
  { ca, names, isExpired = false }: { ca: string; names: string; isExpired?: boolean },
): Promise<KeyPair> {
  const files = ['-keyout', `${name}.key`, '-out', `${name}.csr`];
  await run('openssl', ['req', ...newKey, ...files, '-subj', `/CN=${name}`], { cwd: directory });
  await writeFile(join(directory, `${name}.ext`), `subjectAltName=${names}\n`);
  await writeCaConfiguration(directory, name);
  const period = isExpired ? ['20200101000000Z', '20200102000000Z'] : ['20200101000000Z', '20991231235959Z'];
  await run(
    'openssl',
    [
      ...['ca', '-batch', '-notext', '-config', `${name}.cnf`, '-cert', `${ca}.crt`, '-keyfile', `${ca}.key`],
      ...['-in', `${name}.csr`, '-out', `${name}.crt`, '-extfile', `${name}.ext`],
      ...['-startdate', period[0] as string, '-enddate', period[1] as string],
    ],
    { cwd: directory },
  );
  return { cert: join(directory, `${name}.crt`), key: join(directory, `${name}.key`) };
}

/** `openssl ca` is the command that sets any dates; it wants a small data base. */
async function writeCaConfiguration(directory: string, name: string): Promise<void> {
  const lines = [
    '[ca]\ndefault_ca=here\n[here]',
    `database=${name}.index`,
    `rand_serial=yes\nnew_certs_dir=.\ndefault_md=sha256\npolicy=any`,
    '[any]\ncommonName=supplied',
  ];
  await writeFile(join(directory, `${name}.cnf`), `${lines.join('\n')}\n`);
  await writeFile(join(directory, `${name}.index`), '');
}
