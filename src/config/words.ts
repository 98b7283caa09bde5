/** Words for configuration errors: paths of keys, values as found, suggestions. */

/** `['providers', 0, 'pools']` */
export type Path = readonly (string | number)[];

/** `providers[0].pools[1].max-servers`; keys that would be ambiguous are quoted: `env-vars["a.b"]`. */
export function formatPath(path: Path): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (/^[\w$-]+$/.test(step)) text += text === '' ? step : `.${step}`;
    else text += `[${quote(step)}]`;
  }
  return text;
}

/** The inverse, for the paths that drivers report. */
export function parsePath(text: string): Path {
  const steps = text.matchAll(/\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|([^.[\]]+)/g);
  return [...steps].map(([, index, quoted, key]) => {
    if (index !== undefined) return Number(index);
    return quoted === undefined ? (key as string) : (JSON.parse(`"${quoted}"`) as string);
  });
}

const SHOWN_LENGTH = 60;

/** In quotes, without line breaks, cut when long. */
export function quote(text: string): string {
  const shown = text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH - 1)}…` : text;
  return JSON.stringify(shown).replace(/[\u007f-\u009f\u2028\u2029]/g, (char) => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** A scalar as text, without quotes; numbers that JSON does not have as in YAML. */
export function plainText(value: unknown): string {
  if (typeof value === 'number' && !Number.isFinite(value))
    return Number.isNaN(value) ? '.nan' : value > 0 ? '.inf' : '-.inf';
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing');
}

/** What kind of value it is, without the value. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') return Object.keys(value).length === 0 ? 'an empty mapping' : 'a mapping';
  if (typeof value === 'boolean') return 'true or false';
  return typeof value === 'number' ? 'a number' : 'a string';
}

/** `a, b or c` */
export function anyOf(words: readonly string[]): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} or ${words.at(-1) as string}`;
}

/** ` (did you mean "max-servers"?)`, or nothing when no known word is near. */
export function didYouMean(word: string, known: Iterable<string>): string {
  const near = nearest(word, known);
  return near === undefined ? '' : ` (did you mean ${quote(near)}?)`;
}

export function nearest(word: string, known: Iterable<string>): string | undefined {
  const normal = normalize(word);
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(normal.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(normal, normalize(candidate));
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

function normalize(word: string): string {
  return word.slice(0, 80).toLowerCase().replaceAll('_', '-');
}

/** Levenshtein's distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
