import type { ConnectionOptions } from 'node:tls';
import { ProtocolError, reasonOf } from '../errors.ts';
import { NoAnswerError } from './handshake.ts';
import { problemOfOwnCertificate } from './tls.ts';

const byCode: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there; is ZooKeeper running, and is it this port?',
  ENOTFOUND: 'the host name is not known; check the name and the DNS',
  EAI_AGAIN: 'the name server does not answer',
  EHOSTUNREACH: 'the host is unreachable',
  ENETUNREACH: 'the network is unreachable',
  ETIMEDOUT: 'no answer; is a firewall in between?',
  ECONNRESET: 'the server reset the connection',
  CERT_HAS_EXPIRED: "the server's certificate has expired; renew it",
  CERT_NOT_YET_VALID: "the server's certificate is not valid yet; compare the clocks",
  SELF_SIGNED_CERT_IN_CHAIN: "the server's certificate is not signed by the given CA; check tls.ca",
  DEPTH_ZERO_SELF_SIGNED_CERT:
    "the server's certificate is signed by itself, not by the given CA; check tls.ca",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the server's certificate is not signed by the given CA; check tls.ca",
  UNABLE_TO_GET_ISSUER_CERT: "the server's certificate is not signed by the given CA; check tls.ca",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the server's certificate is not signed by the given CA; check tls.ca",
  CERT_SIGNATURE_FAILURE: "the server's certificate is not signed by the given CA; check tls.ca",
  ERR_SSL_WRONG_VERSION_NUMBER: 'the server does not speak TLS on this port',
  ERR_OSSL_X509_KEY_VALUES_MISMATCH: 'tls.cert and tls.key do not belong together',
};

/** A sentence an operator can act on, for a server that could not be used. */
export function describeFailure(error: unknown, tlsOptions?: ConnectionOptions): string {
  const { code = '', name, message } = error as NodeJS.ErrnoException;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return `the server's certificate is for another name: ${message}`;
  const known = byCode[code] ?? byCode[firstCode(error)];
  if (known && !(tlsOptions && code === 'ECONNRESET')) return known;
  if (name === 'TimeoutError') return 'it did not answer in time';
  if (error instanceof ProtocolError) return describeProtocol(message);
  if (error instanceof NoAnswerError || /disconnected before secure|closed while/.test(message)) {
    return tlsOptions ? describeRefusedTls(tlsOptions) : noAnswerPlain;
  }
  if (tlsOptions && (code === 'ECONNRESET' || /alert|SSL/i.test(`${code} ${message}`))) {
    return `${describeRefusedTls(tlsOptions)} (${/alert [a-z ]+/.exec(message)?.[0] ?? message.trim()})`;
  }
  return reasonOf(error);
}

const noAnswerPlain =
  'it closed the connection without an answer; it has no quorum or is starting, or this port expects TLS';

function describeRefusedTls(tlsOptions: ConnectionOptions): string {
  const own = problemOfOwnCertificate(tlsOptions);
  if (own) return `it refused the connection: ${own}`;
  return 'it refused the connection: it has no quorum or is starting, or does not trust the client certificate, or does not speak TLS on this port';
}

function describeProtocol(message: string): string {
  return /older than/.test(message)
    ? `${message}; 3.4 is the oldest that works`
    : `what it says is not the ZooKeeper protocol (${message}); is this the right port, and does it expect TLS?`;
}

/** Several addresses of one host were tried: the code of the first failure. */
function firstCode(error: unknown): string {
  const inner = (error as AggregateError).errors?.[0] as NodeJS.ErrnoException | undefined;
  return inner?.code ?? '';
}
