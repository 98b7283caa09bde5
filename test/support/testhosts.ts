/** Whole Linux hosts for tests; see `testhosts/README.md`. Every call has a time limit. */
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

const program = fileURLToPath(new URL('testhosts/testhosts', import.meta.url));
const seconds = 1000;
const minutes = 60 * seconds;

export interface TestHosts {
  /** `h1`, `h2`, ... in this order. */
  readonly hosts: readonly TestHost[];
  /** Private key that root on every host accepts. */
  readonly keyPath: string;
  /** For Ansible; group `testhosts`. */
  readonly inventoryPath: string;
  /** Removes the hosts, their network and disks. */
  down(): Promise<void>;
}

export interface TestHost {
  readonly name: string;
  readonly address: string;
  readonly keyPath: string;
  /** Output of a shell command run as root; rejects with execa's error when it fails or takes too long. */
  ssh(command: string, options?: { timeoutMs?: number }): Promise<string>;
  /** Off the network: packets vanish, open connections hang. */
  cut(): Promise<void>;
  mend(): Promise<void>;
  /** Power loss: peers hear nothing, the disk stays. */
  kill(): Promise<void>;
  /** Starts it after `kill`; resolves when its services run. */
  boot(): Promise<void>;
  /** Another machine takes its place, with the same name and address and an empty disk. */
  wipe(): Promise<void>;
}

/**
 * Starts `count` fresh hosts: some seconds, and half a minute more once, to build their base system. Test files that
 * may run at the same time choose networks of their own, like `10.77.1`.
 */
export async function upHosts(count: number, { network = '10.77.0' } = {}): Promise<TestHosts> {
  const testhosts = onNetwork(network);
  const down = () => downHosts(network);
  await down(); // what an interrupted run left
  try {
    const inventoryPath = await testhosts(['up', String(count)], 5 * minutes);
    const keyPath = await testhosts(['key']);
    const hosts = Array.from({ length: count }, (_, index) => hostOf(testhosts, network, keyPath, index + 1));
    return { hosts, keyPath, inventoryPath, down };
  } catch (error) {
    await down();
    throw error;
  }
}

/** Removes all hosts on that network, their disks too; without any it does nothing. */
export async function downHosts(network: string): Promise<void> {
  await onNetwork(network)(['down'], 5 * minutes); // disks of many files, perhaps on a busy machine
}

/** True, or the reason why hosts cannot be started here: what a skipped test says. */
export async function canRunTestHosts(): Promise<true | string> {
  const check = await execa(program, ['check'], { stdin: 'ignore', timeout: 20 * seconds, reject: false });
  return check.failed ? check.stderr || check.shortMessage || 'testhosts check failed' : true;
}

type TestHostsCommand = (args: string[], timeoutMs?: number) => Promise<string>;

function onNetwork(network: string): TestHostsCommand {
  const env = { TESTHOSTS_NET: network };
  return async (args, timeoutMs = 90 * seconds) => {
    const { stdout } = await execa(program, args, { env, stdin: 'ignore', timeout: timeoutMs });
    return stdout;
  };
}

function hostOf(testhosts: TestHostsCommand, network: string, keyPath: string, number: number): TestHost {
  const name = `h${number}`;
  const act = (action: string) => async (): Promise<void> => void (await testhosts([action, name]));
  return {
    name,
    address: `${network}.${10 + number}`,
    keyPath,
    ssh: (command, { timeoutMs = 60 * seconds } = {}) => testhosts(['ssh', name, command], timeoutMs),
    cut: act('cut'),
    mend: act('mend'),
    kill: act('kill'),
    boot: act('boot'),
    wipe: act('wipe'),
  };
}
