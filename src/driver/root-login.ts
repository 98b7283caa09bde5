/** How a driver logs in as root on a host: the options for that, which mean the same for every driver. */
import { absolutePath } from '../config/schema.ts';
import type { ReportProblem } from './driver.ts';
import { readHostKey } from './host-key.ts';

type Options = Readonly<Record<string, unknown>>;

/** Schema of a provider's keys. */
export const ROOT_LOGIN_KEYS = { 'ssh-key': absolutePath, 'known-hosts': absolutePath };

export interface RootLogin {
  /** Private keys to log in with; the first that exists and is accepted. */
  keyFiles: readonly string[];
  /** Where host keys are recorded that nobody has configured. */
  knownHosts: string;
}

const HOME = '/var/lib/nodepool/.ssh';

export function readRootLogin(options: Options): RootLogin {
  const key = options['ssh-key'] as string | undefined;
  return {
    keyFiles: key ? [key] : [`${HOME}/id_ed25519`, `${HOME}/id_rsa`],
    knownHosts: (options['known-hosts'] as string | undefined) ?? `${HOME}/known_hosts`,
  };
}

/** The keys of `host-key`, one or several, comments removed. */
export function readHostKeys(options: Options): string[] {
  return linesOf(options).flatMap((line) => readHostKey(line) ?? []);
}

/** A line that is no key would leave the host with one less to prove itself by, or with none. */
export function checkHostKeys(options: Options, path: string, report: ReportProblem): void {
  for (const line of linesOf(options)) {
    if (readHostKey(line) !== undefined) continue;
    report(path, 'a host key such as "ssh-ed25519 AAAAC3Nz…"', JSON.stringify(line));
  }
}

function linesOf(options: Options): string[] {
  return [options['host-key'] ?? []].flat() as string[];
}
