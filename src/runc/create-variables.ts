/** What the agent's `create` needs to know to make one container. */
import { renderBundleAroundPort, type HypervisorPaths, type RootfsFacts } from './bundle.ts';
import type { HostKey } from './host-key.ts';
import type { LabelOptions } from './options.ts';
import type { PortRange } from './port-hints.ts';
import { renderSshdConfig } from './sshd-config.ts';

/** How long sshd may take to listen, in seconds. */
const START_SECONDS = 30;

export interface CreateFacts {
  id: string;
  label: LabelOptions;
  hostKey: HostKey;
  /** One line of JSON that names the owner; `destroy` compares it. */
  mark: string;
  annotations: Readonly<Record<string, string>>;
  paths: HypervisorPaths;
  rootfs: RootfsFacts;
  consoleDir: string;
  keepFailedSeconds: number;
  ports: PortRange;
  /** Where to look for a free port first. */
  firstPort: number;
  architecture: string;
  maxOpenFiles: number;
}

export function createVariables(facts: CreateFacts) {
  const { id, label, hostKey, paths, rootfs, consoleDir, annotations, architecture, maxOpenFiles } = facts;
  const [head, tail] = renderBundleAroundPort({
    id,
    paths,
    path: label.path,
    rootfs,
    overlay: label.overlay,
    sudo: label.sudo,
    homeDir: label.homeDir,
    consoleDir,
    limits: label.limits,
    hiddenPaths: label.hiddenPaths,
    annotations,
    architecture,
    maxOpenFiles,
  });
  return {
    id,
    path: label.path,
    user: label.username,
    home: label.homeDir,
    overlay: label.overlay ? 'yes' : 'no',
    overlay_size: label.overlaySize ?? '',
    keep_seconds: facts.keepFailedSeconds,
    start_seconds: START_SECONDS,
    port_first: facts.firstPort,
    port_min: facts.ports.first,
    port_max: facts.ports.last,
    mark: facts.mark,
    config_head: head,
    config_tail: tail,
    sshd_config: renderSshdConfig(label.username),
    host_key: hostKey.private,
    host_key_public: hostKey.public,
  };
}
