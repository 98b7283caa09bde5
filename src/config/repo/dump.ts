/** Writes YAML that this and every other reader of YAML 1.1 takes for the same value. */
import { Scalar, stringify, type ScalarTag, type Tags } from 'yaml';
import { plainText } from '../words.ts';
import { pyYamlTags } from '../yaml-tags.ts';

/** Block style, texts in quotes where they would be read as something else; keys sorted, or in their own order. */
export function dumpYaml(value: unknown, { sorted = true } = {}): string {
  return stringify(value, {
    version: '1.1',
    customTags: writingTags,
    sortMapEntries: sorted && ((a, b) => compare(textOf(a.key), textOf(b.key))),
    aliasDuplicateObjects: false,
    lineWidth: 0,
  });
}

/** A text that Ansible takes as it is, also where it looks like a template: `!unsafe "a{{b"`. */
export function literalText(text: string): unknown {
  if (!/\{[{%#]/.test(text)) return text;
  const scalar = new Scalar(text);
  scalar.tag = '!unsafe';
  return scalar;
}

/** The tags that read, which also decide what needs quotes, and one that writes numbers and truth values. */
function writingTags(tags: Tags): Tags {
  return [...pyYamlTags(tags), plain('bool', 'boolean'), plain('float', 'number')];
}

function plain(name: string, type: 'boolean' | 'number'): ScalarTag {
  return {
    tag: `tag:yaml.org,2002:${name}`,
    default: true,
    identify: (value) => typeof value === type,
    resolve: (source) => source,
    stringify: ({ value }) => plainNumber(value),
  };
}

/** `1e21` would be text to a reader of YAML 1.1; it wants a point and a sign. */
function plainNumber(value: unknown): string {
  const text = plainText(value);
  const parts = /^(-?\d+)(\.\d+)?e([-+]\d+)$/.exec(text);
  return parts ? `${parts[1] ?? ''}${parts[2] ?? '.0'}e${parts[3] ?? ''}` : text;
}

function textOf(key: unknown): string {
  return String((key as { value?: unknown } | null)?.value ?? key);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
