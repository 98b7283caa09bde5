/** Variables for the roles, from the architecture and the settings. */
import { literalText } from '../config/repo/dump.ts';
import { hostsWith, installServer, type Arch } from './arch.ts';
import { renderHostsLines } from './inventory.ts';
import { keyPaths } from './keys.ts';
import type { Places } from './places.ts';
import type { Settings } from './settings.ts';

export interface GroupVarsInput {
  arch: Arch;
  settings: Settings;
  places: Places;
  enableInsecureSlaves: boolean;
  /** Of the daemons, on this host; undefined: that of the distribution's repositories. */
  packageFile: string | undefined;
  /** Texts of the public keys. */
  publicKeys: { nodepool: string; zuul: string };
}

/** The operator's custom variables win. */
export function groupVars(input: GroupVarsInput): Record<string, unknown> {
  const { settings, enableInsecureSlaves } = input;
  return {
    ...describeArch(input),
    ...runcVars(input),
    ...zookeeperVars(input),
    ...nodepoolVars(input),
    ...gatewayVars(input),
    ...(enableInsecureSlaves ? { enable_insecure_slaves: true } : {}),
    ...settings.customVars,
  };
}

function describeArch({ arch, settings }: GroupVarsInput): Record<string, unknown> {
  const remote = arch.hosts.filter((host) => host.remote);
  const launchers = hostsWith(arch, 'nodepool-launcher');
  return {
    fqdn: settings.fqdn,
    install_server: installServer(arch).hostname,
    first_launcher: launchers[0]?.name ?? '',
    launcher_hosts: launchers.map(({ name }) => name),
    sfconfig_hosts_block: renderHostsLines(arch, settings.fqdn, settings.staticHostnames).join('\n'),
    sfconfig_remote_hosts: remote.map(({ hostname }) => hostname),
  };
}

function runcVars({ arch, places, publicKeys }: GroupVarsInput): Record<string, unknown> {
  const peers = hostsWith(arch, 'nodepool-launcher', 'zuul-executor').map(({ ip }) => ip);
  return {
    hypervisor_runc_nodepool_keys: [publicKeys.nodepool],
    hypervisor_runc_worker_keys: [publicKeys.zuul],
    hypervisor_runc_customize_file: `${places.configDir}/nodepool/runC/customize.yaml`,
    hypervisor_runc_firewall_peers: peers,
    hypervisor_runc_backup_dir: `${places.backup}/hypervisor-runc`,
    hypervisor_runc_logs_dir: `${places.logs}/hypervisor-runc`,
  };
}

function zookeeperVars({ arch, places }: GroupVarsInput): Record<string, unknown> {
  return {
    zookeeper_hosts: hostsWith(arch, 'zookeeper').map(({ hostname }) => hostname),
    zookeeper_ca_dir: `${places.lib}/zk-ca`,
    zookeeper_backup_dir: `${places.backup}/zookeeper`,
    zookeeper_logs_dir: `${places.logs}/zookeeper`,
  };
}

function nodepoolVars({ arch, settings, places, packageFile }: GroupVarsInput): Record<string, unknown> {
  const levels = settings.debug ? (['DEBUG', 'INFO'] as const) : (['INFO', 'WARNING'] as const);
  return {
    ...(packageFile === undefined ? {} : { nodepool_package: packageFile }),
    nodepool_config_repository: places.configCopy,
    nodepool_launchers: hostsWith(arch, 'nodepool-launcher').map(({ name }) => name),
    // The name of each host stands in the inventory.
    nodepool_first_launcher: '{{ nodepool_name == first_launcher }}',
    nodepool_dib_reg_passwords: settings.registrationPasswords.map(({ image, password }) => ({
      image_name: image,
      reg_password: literalText(password),
    })),
    nodepool_zookeeper_hosts: hostsWith(arch, 'zookeeper').map(({ hostname }) => hostname),
    nodepool_zookeeper_ca_dir: `${places.lib}/zk-ca`,
    nodepool_ssh_key_file: keyPaths(places.lib, 'nodepool_rsa').private,
    nodepool_zuul_key_file: keyPaths(places.lib, 'zuul_rsa').public,
    nodepool_clouds_file: cloudsFile(settings, places),
    nodepool_kube_file: settings.kubeFile ?? '',
    nodepool_backup_dir: `${places.backup}/nodepool`,
    nodepool_logs_dir: `${places.logs}/nodepool`,
    ...Object.fromEntries(
      ['launcher', 'builder'].flatMap((daemon) => [
        [`nodepool_${daemon}_log_level`, levels[0]],
        [`nodepool_${daemon}_root_log_level`, levels[1]],
      ]),
    ),
  };
}

function gatewayVars({ arch, settings }: GroupVarsInput): Record<string, unknown> {
  if (hostsWith(arch, 'gateway').length === 0) return {};
  return {
    gateway_server_name: settings.fqdn,
    gateway_builders: hostsWith(arch, 'nodepool-builder').map(({ hostname }) => hostname),
  };
}

function cloudsFile({ clouds }: Settings, places: Places): string {
  if (clouds.kind === 'none') return '';
  return clouds.kind === 'file' ? clouds.path : places.clouds;
}
