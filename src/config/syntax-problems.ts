/** What the YAML parser complains about, as mistakes with their lines. */
import { visit, type Document as YamlDocument } from 'yaml';
import type { Problem } from '../errors.ts';
import { unsetHint, type Source } from './source.ts';
import { SYNTAX_WORDS } from './syntax-words.ts';

export function syntaxProblems(source: Source, tree: YamlDocument.Parsed): Problem[] {
  const at = (offset: number, expected: string, found: string): Problem => ({
    file: source.file,
    line: source.lineAt(offset),
    path: '',
    expected,
    found,
  });
  const ini = tree.errors.length > 0 ? INI.exec(source.text) : null;
  if (ini) return [at(ini.index, 'YAML: "key: value"', 'an INI file: "key = value"')];

  const problems = new Map<number | undefined, Problem>();
  // What follows on the same line is mostly a consequence of the first mistake.
  const add = (problem: Problem) => problems.has(problem.line) || problems.set(problem.line, problem);
  for (const { code, pos, message } of [...tree.errors, ...tree.warnings]) {
    const mayBeOpen = code === 'MISSING_CHAR' && message.includes('closing');
    const quoteStart = mayBeOpen ? openQuote(tree, pos[0]) : undefined;
    if (quoteStart !== undefined) {
      add(at(quoteStart, 'a closing quote', 'none'));
      break; // the rest of the file was taken for quoted text
    }
    const [expected, found] = SYNTAX_WORDS[code] ?? ['valid YAML', `text that is not (${code})`];
    add(at(pos[0], expected, `${found}${unsetHint(lineFrom(source.text, pos[0]))}`));
  }
  return [...problems.values()];
}

function lineFrom(text: string, offset: number): string {
  const end = text.indexOf('\n', offset);
  return text.slice(offset, end === -1 ? undefined : end);
}

/** `[database]` with `dburi=…` under it, as the secure file of releases before 3.0 was. */
const INI = /^\[[\w .:-]+\][ \t\r]*\n(?:[ \t]*(?:[#;].*)?\n)*[\w.-]+[ \t]*=/m;

/** Where the quoted text starts that goes on until `end` because its closing quote is missing. */
function openQuote(tree: YamlDocument.Parsed, end: number): number | undefined {
  let start: number | undefined;
  visit(tree, {
    Scalar(_key, { type, range }) {
      if (range && type?.startsWith('QUOTE') && range[0] < end) start = range[0];
    },
  });
  return start;
}
