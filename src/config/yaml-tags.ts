/**
 * YAML 1.1 scalars as PyYAML's safe loader reads them, because that is what wrote and read the files we take over:
 * `yes` and `on` are booleans but `y` is text, `0755` is octal, `08` and `1e3` are text, `12:30` is a number to base 60.
 * Dates stay text. https://yaml.org/type/, and the resolvers in PyYAML's resolver.py.
 */
import type { ScalarTag, Tags } from 'yaml';

const KEPT = new Set(['map', 'seq', 'str', 'null', 'merge'].map((name) => `tag:yaml.org,2002:${name}`));

/** For the option `customTags` of the parser. */
export function pyYamlTags(tags: Tags): Tags {
  return [...tags.filter((tag) => typeof tag === 'object' && 'tag' in tag && KEPT.has(tag.tag)), ...SCALARS];
}

const SCALARS: ScalarTag[] = [
  scalar('bool', /^(?:yes|Yes|YES|true|True|TRUE|on|On|ON)$/, () => true),
  scalar('bool', /^(?:no|No|NO|false|False|FALSE|off|Off|OFF)$/, () => false),
  scalar('int', /^[-+]?0b[01_]+$/, (digits) => signed(digits, (rest) => parseInt(rest.slice(2), 2))),
  scalar('int', /^[-+]?0x[0-9a-fA-F_]+$/, (digits) => signed(digits, (rest) => parseInt(rest.slice(2), 16))),
  scalar('int', /^[-+]?0[0-7_]+$/, (digits) => signed(digits, (rest) => parseInt(rest, 8))),
  scalar('int', /^[-+]?(?:0|[1-9][0-9_]*)$/, (digits) => signed(digits, Number)),
  scalar('int', /^[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+$/, (digits) => signed(digits, base60)),
  scalar('float', /^[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?$/, (digits) => signed(digits, Number)),
  scalar('float', /^[-+]?\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?$/, (digits) => signed(digits, Number)),
  scalar('float', /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*$/, (digits) => signed(digits, base60)),
  scalar('float', /^[-+]?\.(?:inf|Inf|INF)$/, (digits) => (digits.startsWith('-') ? -Infinity : Infinity)),
  scalar('float', /^\.(?:nan|NaN|NAN)$/, () => NaN),
];

function scalar(name: string, test: RegExp, resolve: (source: string) => unknown): ScalarTag {
  return { tag: `tag:yaml.org,2002:${name}`, default: true, test, resolve };
}

function signed(digits: string, read: (rest: string) => number): number {
  const rest = digits.replace(/^[-+]/, '').replaceAll('_', '');
  return digits.startsWith('-') ? -read(rest) : read(rest);
}

function base60(digits: string): number {
  return digits.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
}
