import { reasonOf } from '../errors.ts';
import { explain, type Agent } from './agent.ts';
import type { RootfsFacts } from './bundle.ts';
import type { LabelOptions } from './options.ts';

const PROBE_TIMEOUT_MS = 30_000;

/** A connected hypervisor, with what is known about its labels: see AgentLink. */
export interface ProbedLink {
  agent: Agent;
  rootfs: Map<string, RootfsFacts>;
  problems: Map<string, string>;
}

/** Asks whether a label can be served; notes either what its config.json must know, or what is wrong. Never rejects. */
export async function probeLabel(link: ProbedLink, label: LabelOptions): Promise<void> {
  const { name, path, username: user, homeDir: home } = label;
  link.rootfs.delete(name);
  try {
    const answer = await link.agent.run('probe', { path, user, home }, { timeoutMs: PROBE_TIMEOUT_MS });
    if (answer.code === 0) {
      link.rootfs.set(name, readFacts(answer.text));
      link.problems.delete(name);
    } else {
      link.problems.set(name, explain(answer));
    }
  } catch (error) {
    link.problems.set(name, reasonOf(error));
  }
}

/** `sshd=/usr/sbin/sshd`, then a line `has=/var/log` for each. */
function readFacts(text: string): RootfsFacts {
  const values = (key: string) =>
    text.split('\n').flatMap((line) => (line.startsWith(`${key}=`) ? [line.slice(key.length + 1)] : []));
  return { sshd: values('sshd')[0] ?? '/usr/sbin/sshd', has: new Set(values('has')) };
}
