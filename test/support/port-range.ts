import { randomInt } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SIZE = 100;
/** Below what the kernel gives to connections that do not choose. */
const [LOWEST, HIGHEST] = [20_000, 32_000];

export interface PortRange {
  first: number;
  last: number;
  release(): void;
}

/** A hundred ports that no other test has, and no connection, not even one that has just ended. */
export function claimPortRange(): PortRange {
  const directory = join(tmpdir(), 'nodepool-test-ports');
  mkdirSync(directory, { recursive: true });
  for (let attempt = 0; attempt < 1000; attempt++) {
    const first = LOWEST + randomInt((HIGHEST - LOWEST) / SIZE) * SIZE;
    const claim = join(directory, String(first));
    if (!take(claim)) continue;
    const used = usedPorts();
    const release = () => rmSync(claim, { force: true });
    if (!used.some((port) => port >= first && port < first + SIZE)) {
      return { first, last: first + SIZE - 1, release };
    }
    release();
  }
  throw new Error(`no ${SIZE} free ports between ${LOWEST} and ${HIGHEST}`);
}

/** False when a process that lives has it. */
function take(claim: string): boolean {
  try {
    writeFileSync(claim, String(process.pid), { flag: 'wx' });
    return true;
  } catch {
    const owner = existsSync(claim) ? readFileSync(claim, 'utf8') : '';
    if (owner !== '' && !existsSync(`/proc/${owner}`)) rmSync(claim, { force: true });
    return false;
  }
}

/** Ports at either end of everything in the kernel's tables, whatever its state. */
function usedPorts(): number[] {
  return ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) =>
    (existsSync(file) ? readFileSync(file, 'utf8') : '')
      .split('\n')
      .slice(1)
      .flatMap((line) => {
        const [, ...ends] = /^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:([0-9A-F]{4})/.exec(line) ?? [];
        return ends.map((text) => parseInt(text, 16));
      }),
  );
}
