import { readFileSync } from 'node:fs';
import ssh2 from 'ssh2';
import { HostError } from '../errors.ts';

export interface PrivateKey {
  file: string;
  text: string;
}

/** Reads those of the files that exist, anew for each connection. Throws HostError when there is nothing to log in with. */
export function readPrivateKeys(host: string, files: readonly string[]): PrivateKey[] {
  const keys = files.flatMap((file) => {
    const text = readIfExists(host, file);
    return text === undefined ? [] : [{ file, text: checked(host, file, text) }];
  });
  if (keys.length > 0) return keys;
  throw new HostError(
    host,
    `no private key to log in with: ${files.join(' and ')} ${files.length === 1 ? 'does' : 'do'} not exist; ` +
      `make one with \`ssh-keygen -t ed25519 -N '' -f ${files[0] ?? ''}\` and put its .pub file into ` +
      `/root/.ssh/authorized_keys of ${host}`,
  );
}

function checked(host: string, file: string, text: string): string {
  const parsed = ssh2.utils.parseKey(text);
  if (!(parsed instanceof Error)) return text;
  const why = /encrypted|passphrase/i.test(parsed.message)
    ? 'is protected by a passphrase, which nobody can type here'
    : `is not a private key that can be used (${parsed.message})`;
  throw new HostError(host, `${file} ${why}`);
}

function readIfExists(host: string, file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new HostError(
      host,
      `cannot read the private key ${file} (${code ?? 'no reason given'}); it must belong to the user of the launcher`,
    );
  }
}
