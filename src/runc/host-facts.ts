/** What the agent's `hello` tells about a hypervisor. */

export interface AgentFacts {
  /** `x86_64` */
  architecture: string;
  /** Most open files that a process may have there (`ulimit -Hn`); Infinity without a limit. */
  maxOpenFiles: number;
  runcVersion: string;
  publicIpv4: string | undefined;
  publicIpv6: string | undefined;
}

/** `arch=x86_64`, `nofile=20000`, then runc's version, then what `ip route get` says for each family. */
export function readHostFacts(text: string): AgentFacts {
  const source = (pattern: RegExp) => pattern.exec(text)?.[1];
  return {
    architecture: source(/^arch=(\S+)/m) ?? '',
    maxOpenFiles: Number(source(/^nofile=(\d+)/m) ?? Infinity),
    runcVersion: source(/^runc version (\S+)/m) ?? 'unknown',
    publicIpv4: source(/ src (\d+\.\d+\.\d+\.\d+)/),
    publicIpv6: source(/ src ([0-9a-f]*:[0-9a-f:]+)/),
  };
}
