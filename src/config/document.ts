/** A parsed YAML file: its plain value, and for every path in it the line and the words that describe what is there. */
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  parseDocument,
  type Document as YamlDocument,
  type Node,
} from 'yaml';
import type { Problem } from '../errors.ts';
import { convert, type Converted } from './convert.ts';
import { insertedIn, unsetHint, type Source } from './source.ts';
import { syntaxProblems } from './syntax-problems.ts';
import { formatPath, kindOf, plainText, quote, type Path } from './words.ts';
import { pyYamlTags } from './yaml-tags.ts';

export interface Document {
  readonly source: Source;
  /** Plain objects, lists and scalars; undefined when the file cannot be parsed, null when it is empty. */
  readonly value: unknown;
  /** Syntax errors, repeated keys, bad aliases. */
  readonly problems: readonly Problem[];
  /** Paths whose value is not known, because an alias leads nowhere: no further complaints about those. */
  readonly broken: ReadonlySet<string>;
  /** Makes a problem at the path; `found` is told from the file when it is not given. */
  problem(path: Path, expected: string, found?: string): Problem;
  /** The file in which the path stands: one that is merged from several has several. */
  fileOf(path: Path): string;
  lineOf(path: Path): number | undefined;
  /** The environment variable that a scalar came from, in whole or in part. */
  variableAt(path: Path): string | undefined;
  /** The characters of a scalar as they stand in the file: `0755` instead of 493. */
  textAt(path: Path): string | undefined;
}

/** Never throws; what is wrong is in `problems`. */
export function parse(source: Source): Document {
  const tree = parseTree(source.text);
  const problems = tree
    ? syntaxProblems(source, tree)
    : [{ file: source.file, path: '', expected: 'valid YAML', found: 'text that cannot be parsed' }];
  if (!tree || problems.length > 0) {
    return makeDocument(source, { value: undefined, problems, broken: new Set(), find: () => [] });
  }
  return makeDocument(source, convert(tree.contents, source));
}

/** Undefined when the parser itself gives up, for instance on thousands of nested brackets. */
function parseTree(text: string): YamlDocument.Parsed | undefined {
  try {
    return parseDocument(text, {
      version: '1.1',
      customTags: pyYamlTags,
      uniqueKeys: false,
      prettyErrors: false,
      // Anything but "silent", which would let further documents in the file pass.
      logLevel: 'error',
    });
  } catch {
    return undefined;
  }
}

function makeDocument(source: Source, { value, problems, broken, find }: Converted): Document {
  const document: Document = {
    source,
    value,
    problems,
    broken,
    problem: (path, expected, given) => {
      const trail = find(path);
      const found =
        given === undefined
          ? describe(source, path, trail)
          : hideVariables(source, trail[path.length]?.node, given);
      const line = document.lineOf(path);
      return {
        file: source.file,
        ...(line === undefined ? {} : { line }),
        path: formatPath(path),
        expected,
        found,
      };
    },
    fileOf: () => source.file,
    lineOf: (path) => {
      const offset = offsetOf(find(path));
      return offset === undefined ? undefined : source.lineAt(offset);
    },
    variableAt: (path) => variableIn(source, find(path)[path.length]?.node),
    textAt: (path) => {
      const { node } = find(path)[path.length] ?? {};
      return isScalar(node) ? (node.source ?? String(node.value)) : undefined;
    },
  };
  return document;
}

/** The places along a path: [root, providers, providers[0], …], as far as they exist. */
export type Trail = readonly Place[];

export interface Place {
  key?: Node | undefined;
  /** What is there, aliases followed. */
  node: Node | null;
  /** What is written there: the alias itself. */
  written?: Node | null;
}

/** A scalar's own place, a mapping's or list's key; where the end of the path does not exist, the last thing that does. */
function offsetOf(trail: Trail): number | undefined {
  if (trail.length < 2) return undefined;
  const { key, node, written } = trail.at(-1) as Place;
  const valueStart = isScalar(node) && node.source !== '' ? node.range?.[0] : undefined;
  return valueStart ?? key?.range?.[0] ?? node?.range?.[0] ?? written?.range?.[0];
}

function describe(source: Source, path: Path, trail: Trail): string {
  const node = trail[path.length]?.node;
  if (node === undefined) return 'nothing';
  if (isMap(node)) return kindOf(node.items.length === 0 ? {} : { key: true });
  if (isSeq(node)) return kindOf(node.items);
  if (!isScalar(node)) return isAlias(node) ? 'an alias' : 'nothing';

  const variable = variableIn(source, node);
  if (variable !== undefined) return sayVariable(node.value, variable);
  if (source.secret || isSecret(path)) return kindOf(node.value);
  if (typeof node.value === 'string') return `${quote(node.value)}${unsetHint(node.value)}`;
  const written = node.source ?? '';
  if (node.value === null) return written === '' ? 'nothing' : written;
  return written === plainText(node.value)
    ? written
    : `${quote(written).slice(1, -1)} (read as ${plainText(node.value)})`;
}

/** The variable that a scalar came from, in whole or in part. */
function variableIn(source: Source, node: Node | null | undefined): string | undefined {
  return isScalar(node) && node.range ? insertedIn(source, node.range[0], node.range[1]) : undefined;
}

function sayVariable(value: unknown, variable: string): string {
  return `${kindOf(value)} from the environment variable ${variable}`;
}

/** The words of a check that quotes values, without those that came from variables: its own, and suggested names. */
function hideVariables(source: Source, node: Node | null | undefined, words: string): string {
  const variable = variableIn(source, node);
  const hidden =
    variable !== undefined && isScalar(node)
      ? words.replaceAll(quote(String(node.value)), () => sayVariable(node.value, variable))
      : words;
  return source.insertions.reduce(
    (text, { variable: name, start, end }) =>
      text.replaceAll(quote(source.text.slice(start, end)), () => `the value of ${name}`),
    hidden,
  );
}

function isSecret(path: Path): boolean {
  return path.some(
    (step) => typeof step === 'string' && /^env-vars$|passw|secret|token|credential/i.test(step),
  );
}
