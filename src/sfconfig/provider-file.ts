/** `_local_hypervisor_runc.yaml` of the config repository: the hypervisors of the architecture, as a provider. */
import { dumpYaml } from '../config/repo/dump.ts';
import { hostsWith, type Arch } from './arch.ts';

/** In the config repository. */
export const PROVIDER_FILE = 'nodepool/_local_hypervisor_runc.yaml';
export const RUNC_LABEL = 'runc-centos';
export const RUNC_PROVIDER = 'managed-runc-provider';

const HEADER = '# This file is managed by sfconfig, do not edit manually.\n';

/** One pool a hypervisor. Without any the file holds the remark only, and stays. */
export function renderProviderFile(arch: Arch, { worker = 'zuul-worker' } = {}): string {
  const hypervisors = hostsWith(arch, 'hypervisor-runc');
  if (hypervisors.length === 0) return HEADER;
  const pools = hypervisors.map(({ hostname, maxServers }) => ({
    name: hostname,
    'max-servers': maxServers,
    labels: [{ name: RUNC_LABEL, username: worker }],
  }));
  const value = {
    labels: [{ name: RUNC_LABEL, 'min-ready': 2 }],
    providers: [{ name: RUNC_PROVIDER, driver: 'runc', pools }],
  };
  return `${HEADER}${dumpYaml(value, { sorted: false })}`;
}
