/** The ini style of Python's logging.config.fileConfig, translated into the dictionary of dictConfig. */
import type { Problem } from '../errors.ts';
import type { LogConfigFile } from './log-config.ts';
import type { Source } from './source.ts';
import { formatPath, quote, type Path } from './words.ts';

interface Entry {
  value: string;
  line: number;
}

type Sections = Map<string, { line: number; entries: Map<string, Entry> }>;

/** Never throws; what is wrong is in `problems`. */
export function parseIni(source: Source): LogConfigFile {
  const problems: Problem[] = [];
  const sections = splitSections(source, problems);
  const lines = new Map<string, number>();
  const complain = (line: number, path: Path, expected: string, found: string) =>
    problems.push({ file: source.file, line, path: formatPath(path), expected, found });

  const value: Record<string, Record<string, unknown>> = { formatters: {}, handlers: {}, loggers: {} };
  for (const kind of ['formatter', 'handler', 'logger']) {
    const keys = sections.get(`${kind}s`)?.entries.get('keys');
    for (const name of listOf(keys?.value)) {
      const section = sections.get(`${kind}_${name}`);
      if (!section) {
        complain(keys?.line ?? 1, [`${kind}s`, 'keys'], `a section [${kind}_${name}]`, 'no such section');
        continue;
      }
      const text = (key: string) => section.entries.get(key)?.value;
      const target = kind === 'logger' ? (name === 'root' ? 'root' : (text('qualname') ?? name)) : name;
      const path = target === 'root' && kind === 'logger' ? ['root'] : [`${kind}s`, target];
      lines.set(formatPath(path), section.line);
      for (const [key, entry] of section.entries) lines.set(formatPath([...path, key]), entry.line);
      const translated = TRANSLATE[kind as keyof typeof TRANSLATE](text);
      if (path.length === 1) value.root = translated;
      else (value[`${kind}s`] as Record<string, unknown>)[target] = translated;
    }
  }

  return {
    value,
    problems,
    problem: (path, expected, found = foundAt(value, path)) => {
      let known = path;
      while (known.length > 0 && !lines.has(formatPath(known))) known = known.slice(0, -1);
      const line = lines.get(formatPath(known));
      return {
        file: source.file,
        ...(line === undefined ? {} : { line }),
        path: formatPath(path),
        expected,
        found,
      };
    },
  };
}

type Lookup = (key: string) => string | undefined;

const TRANSLATE = {
  formatter: (text: Lookup) => ({ format: text('format'), class: text('class') }),

  handler: (text: Lookup) => {
    const args = text('args') ?? '';
    const stream = /sys\.(stdout|stderr)/.exec(args)?.[1];
    return {
      class: text('class'),
      level: text('level'),
      formatter: text('formatter'),
      stream: stream && `ext://sys.${stream}`,
      // args=('/var/log/nodepool/launcher.log', 'midnight') or kwargs={'filename': '…'}
      filename:
        /^\(\s*(["'])(.*?)\1/.exec(args)?.[2] ??
        /["']filename["']\s*:\s*(["'])(.*?)\1/.exec(text('kwargs') ?? '')?.[2],
    };
  },

  logger: (text: Lookup) => ({
    level: text('level'),
    handlers: listOf(text('handlers')),
    propagate: text('propagate') === undefined ? undefined : text('propagate') !== '0',
  }),
};

function listOf(text = ''): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);
}

/** Python's configparser: `key=value` or `key: value`, comments on lines of their own, indented lines go on. */
function splitSections(source: Source, problems: Problem[]): Sections {
  const sections: Sections = new Map();
  let entries: Map<string, Entry> | undefined;
  let last: Entry | undefined;
  for (const [index, raw] of source.text.split(/\r?\n/).entries()) {
    const line = index + 1;
    const text = raw.trim();
    if (text === '' || /^[#;]/.test(text)) continue;
    const header = /^\[([^\]]+)\]$/.exec(text)?.[1];
    const [, key, value] = /^([^=:]+?)\s*[=:]\s*(.*)$/.exec(text) ?? [];
    if (header !== undefined) {
      entries = sections.get(header)?.entries ?? new Map<string, Entry>();
      sections.set(header, { line, entries });
      last = undefined;
    } else if (/^\s/.test(raw) && last) {
      last.value += `\n${text}`;
    } else if (entries && key !== undefined) {
      last = { value: value ?? '', line };
      entries.set(key.toLowerCase(), last);
    } else {
      problems.push({
        file: source.file,
        line,
        path: '',
        expected: '"[section]" or "key=value"',
        found: quote(text),
      });
    }
  }
  if (sections.size === 0 && problems.length === 0) {
    problems.push({ file: source.file, path: '', expected: 'a logging configuration', found: 'nothing' });
  }
  return sections;
}

function foundAt(value: unknown, path: Path): string {
  let found = value;
  for (const step of path) found = (found as Record<string, unknown> | undefined)?.[step];
  return typeof found === 'string' ? quote(found) : 'nothing';
}
