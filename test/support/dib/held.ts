import { readdirSync, readFileSync } from 'node:fs';

/** Mount points and loop devices below a directory. */
export function heldBelow(dir: string): string[] {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((point) => point.startsWith(`${dir}/`));
  const loops = readdirSync('/sys/block').filter((name) => {
    try {
      return readFileSync(`/sys/block/${name}/loop/backing_file`, 'utf8').startsWith(`${dir}/`);
    } catch {
      return false;
    }
  });
  return [...mounts, ...loops];
}
