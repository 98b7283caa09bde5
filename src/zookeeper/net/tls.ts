import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { ConnectionOptions } from 'node:tls';
import { BadArgumentsError, ErrorCode, reasonOf } from '../errors.ts';

/** Certificates as PEM: a path, or the contents. Files are read anew for every connection, so they can be renewed. */
export interface TlsOptions {
  /** Who signs the servers' certificates. Without it the certificate authorities known to Node.js. */
  ca?: string | Buffer;
  /** This client's certificate and its key, for servers that ask for one. */
  cert?: string | Buffer;
  key?: string | Buffer;
  /** Protects the key. */
  passphrase?: string;
  /** The name that the servers' certificates must carry, instead of the name used to connect. */
  serverName?: string;
}

/** The options for `tls.connect`. Throws BadArgumentsError naming the file that cannot be read. */
export async function loadTls(tls: TlsOptions): Promise<ConnectionOptions> {
  if ((tls.cert === undefined) !== (tls.key === undefined)) {
    throw new BadArgumentsError(
      ErrorCode.badArguments,
      'tls: cert and key belong together, one of them is missing',
    );
  }
  const [ca, cert, key] = await Promise.all([
    readPem('ca', tls.ca),
    readPem('cert', tls.cert),
    readPem('key', tls.key),
  ]);
  return {
    ...(ca && { ca }),
    ...(cert && { cert }),
    ...(key && { key }),
    ...(tls.passphrase !== undefined && { passphrase: tls.passphrase }),
    minVersion: 'TLSv1.2',
    rejectUnauthorized: true,
  };
}

/** What is wrong with this client's own certificate, if that can be seen from here. */
export function problemOfOwnCertificate(options: ConnectionOptions): string | undefined {
  if (!options.cert) return 'no client certificate is configured (tls.cert and tls.key)';
  const { validFrom, validTo } = new X509Certificate(options.cert as Buffer);
  const now = Date.now();
  if (Date.parse(validTo) < now) return `the client certificate has expired on ${validTo}; renew it`;
  if (Date.parse(validFrom) > now) return `the client certificate is not valid before ${validFrom}`;
  return undefined;
}

async function readPem(what: string, source: string | Buffer | undefined): Promise<Buffer | undefined> {
  if (source === undefined) return undefined;
  if (typeof source !== 'string') return source;
  if (source.includes('-----BEGIN')) return Buffer.from(source);
  try {
    return await readFile(source);
  } catch (error) {
    const text = `tls.${what}: expected a readable PEM file, found ${source}: ${reasonOf(error)}`;
    throw new BadArgumentsError(ErrorCode.badArguments, text, { cause: error });
  }
}
