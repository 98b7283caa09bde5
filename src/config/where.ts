import type { Document } from './document.ts';
import { asMapping } from './plain.ts';
import { quote, type Path } from './words.ts';

const KINDS: Readonly<Record<string, string>> = {
  labels: 'label',
  diskimages: 'diskimage',
  providers: 'provider',
  pools: 'pool',
  nodes: 'node',
};

/**
 * ` in label "centos-6"`: the name of what is at the path or around it, for people who think in names and not in
 * positions. A name that comes from the environment is not told.
 */
export function nameOfPlace(document: Document, path: Path): string {
  let { value } = document;
  let place = '';
  for (const [index, step] of path.entries()) {
    value = (value as Record<string | number, unknown> | undefined | null)?.[step];
    const kind = KINDS[String(path[index - 1])];
    const name = asMapping(value)?.name;
    if (!kind || typeof step !== 'number' || typeof name !== 'string') continue;
    const hidden = document.variableAt([...path.slice(0, index + 1), 'name']) !== undefined;
    place = hidden ? '' : ` in ${kind} ${quote(name)}`;
  }
  // A complaint about the name itself shows it already.
  return path.at(-1) === 'name' ? '' : place;
}
