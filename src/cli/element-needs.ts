/** Which files of this host elements need, before a build of minutes finds that out. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Need {
  element: string;
  path: string;
  remark: string;
}

/**
 * Of the elements and all that they depend on. An element tells it in a file `host-files`: in each line the path, and behind
 * a `#` what is said when it is missing. `${NAME:-default}` is a variable of the build.
 */
export function findNeeds(
  elements: readonly string[],
  dirs: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Need[] {
  const seen = new Set<string>();
  const queue = elements.flatMap((element) => element.split(/\s+/));
  const needs: Need[] = [];
  for (let element = queue.shift(); element !== undefined; element = queue.shift()) {
    if (element === '' || seen.has(element)) continue;
    seen.add(element);
    const name = element;
    const home = dirs.map((dir) => join(dir, name)).find((path) => existsSync(path));
    if (home === undefined) continue; // One of diskimage-builder's own, or it says itself that there is none.
    queue.push(...linesOf(join(home, 'element-deps')));
    for (const line of linesOf(join(home, 'host-files'))) {
      const [path = '', remark = ''] = line.split('#').map((part) => part.trim());
      needs.push({ element, path: expand(path, env), remark });
    }
  }
  return needs;
}

function linesOf(file: string): string[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.map((line) => line.trim()).filter((line) => line !== '');
}

/** As a shell does it: a default stands for what is not set, or empty. */
function expand(text: string, env: Readonly<Record<string, string | undefined>>): string {
  return text.replaceAll(/\$\{(\w+):-([^}]*)\}/g, (_, name: string, other: string) => env[name] || other);
}
