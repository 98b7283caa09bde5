/** A container to look at a root file system: that of a node, but with a command for sshd, and with all of its own files. */
import { DEFAULT_PATHS, renderBundle } from './bundle.ts';

export interface ShellBundleSpec {
  id: string;
  /** Becomes the container's root; the container may write to it. */
  rootfs: string;
  command: readonly string[];
  terminal: boolean;
  /** The terminal's kind, such as `xterm`. */
  term: string;
  /** `uname -m` of this machine. */
  architecture: string;
}

const PIDS = 4096;
const OPEN_FILES = 1024;

/** The whole config.json. */
export function renderShellBundle({
  id,
  rootfs,
  command,
  terminal,
  term,
  architecture,
}: ShellBundleSpec): object {
  const node = renderBundle(
    {
      id,
      paths: DEFAULT_PATHS,
      path: rootfs,
      rootfs: { sshd: '', has: new Set() },
      overlay: true,
      sudo: true,
      homeDir: '/root',
      consoleDir: '/tmp',
      limits: { pids: PIDS },
      hiddenPaths: [],
      annotations: {},
      architecture,
      maxOpenFiles: OPEN_FILES,
    },
    '22',
  );
  const env = node.process.env.map((variable) => (variable.startsWith('TERM=') ? `TERM=${term}` : variable));
  return {
    ...node,
    process: { ...node.process, terminal, args: command, env },
    root: { path: rootfs, readonly: false },
    // A node's own files (keys, home, /root, /tmp) lie in its bundle; here those of the image are to be seen.
    mounts: node.mounts.filter(({ type }) => type !== 'bind'),
  };
}
