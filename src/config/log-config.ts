/**
 * Logging configuration files as Python programs have them (`-l FILE`): `.yaml`, `.yml` and `.json` are dictConfig
 * dictionaries, anything else is the ini style of fileConfig. Loggers, handlers and levels count; what the layout of
 * lines and the rotation of files say is ignored with a notice.
 */
import { ConfigError, type Problem } from '../errors.ts';
import type { FormatName } from '../log-sink-format.ts';
import type { HandlerSettings, LoggerSettings, LogSettings, Threshold } from '../log-sink.ts';
import { parse } from './document.ts';
import { parseIni } from './log-config-ini.ts';
import { asList, asMapping } from './plain.ts';
import { readSource, type Source } from './source.ts';
import { kindOf, plainText, quote, type Path } from './words.ts';

/** Throws ConfigError with every mistake. */
export async function loadLogConfig(path: string): Promise<LogSettings> {
  const read = await readSource(path, {});
  if ('problem' in read) throw new ConfigError([read.problem]);
  const file = /\.(ya?ml|json)$/.test(path) ? readYaml(read.source) : parseIni(read.source);
  const problems = [...file.problems];
  const notices: string[] = [];
  const config = asMapping(file.value);
  if (!config && problems.length === 0)
    problems.push(file.problem([], 'a logging configuration', kindOf(file.value)));
  const settings = readSettings(config ?? {}, { problem: file.problem, problems, notices });
  if (problems.length > 0) throw new ConfigError(problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0)));
  return { ...settings, notices };
}

/** A dictConfig dictionary, and how to complain about it. */
export interface LogConfigFile {
  value: unknown;
  problems: readonly Problem[];
  problem(path: Path, expected: string, found?: string): Problem;
}

function readYaml(source: Source): LogConfigFile {
  const document = parse(source);
  return { value: document.value, problems: document.problems, problem: document.problem };
}

interface Work {
  problem: LogConfigFile['problem'];
  problems: Problem[];
  notices: string[];
}

type Section = Readonly<Record<string, unknown>>;

function readSettings(config: Section, work: Work): LogSettings {
  const formats = readFormats(asMapping(config.formatters) ?? {}, work);
  const handlers: Record<string, HandlerSettings> = {};
  for (const [name, handler] of sections(config, 'handlers', work)) {
    const read = readHandler(handler, ['handlers', name], formats, work);
    if (read) handlers[name] = read;
  }
  const loggers: Record<string, LoggerSettings> = {};
  const names = new Set(Object.keys(asMapping(config.handlers) ?? {}));
  for (const [name, logger] of sections(config, 'loggers', work)) {
    loggers[name === 'root' ? '' : name] = readLogger(logger, ['loggers', name], names, work);
  }
  const root = asMapping(config.root);
  if (root) loggers[''] = readLogger(root, ['root'], names, work);
  return { handlers, loggers };
}

function sections(config: Section, key: string, work: Work): [string, Section][] {
  const value = config[key] ?? {};
  const all = asMapping(value);
  if (!all) work.problems.push(work.problem([key], `a mapping of ${key}`));
  return Object.entries(all ?? {}).flatMap(([name, section]) => {
    const fits = asMapping(section);
    if (!fits) work.problems.push(work.problem([key, name], 'a mapping'));
    return fits ? [[name, fits] as [string, Section]] : [];
  });
}

/** A formatter with "json" in its name or class gives JSON lines; every other one our text lines. */
function readFormats(formatters: Section, work: Work): Map<string, FormatName> {
  const formats = new Map<string, FormatName>();
  for (const [name, formatter] of Object.entries(formatters)) {
    const { '()': factory, class: kind } = asMapping(formatter) ?? {};
    const json = /json/i.test(`${name} ${String(factory)} ${String(kind)}`);
    formats.set(name, json ? 'json' : 'text');
    if (!json)
      work.notices.push(`the layout of formatter ${quote(name)} is ignored: lines look the same everywhere`);
  }
  return formats;
}

/** Python's class, without "logging." and "handlers.". */
const HANDLERS = new Map([
  ['StreamHandler', 'console'],
  ['FileHandler', 'file'],
  ['WatchedFileHandler', 'file'],
  ['TimedRotatingFileHandler', 'rotating'],
  ['RotatingFileHandler', 'rotating'],
]);

function readHandler(
  handler: Section,
  path: Path,
  formats: ReadonlyMap<string, FormatName>,
  work: Work,
): HandlerSettings | undefined {
  const kind = HANDLERS.get(String(handler.class).replace(/^(logging\.)?(handlers\.)?/, ''));
  const level = readLevel(handler.level, [...path, 'level'], work);
  const format = formats.get(String(handler.formatter));
  const rest = { ...(format === undefined ? {} : { format }), ...(level === undefined ? {} : { level }) };

  if (kind === undefined) {
    const expected = `one of the handlers ${[...HANDLERS.keys()].map((name) => `logging.${name}`).join(', ')}`;
    work.problems.push(work.problem([...path, 'class'], expected));
    return undefined;
  }
  if (kind === 'console') {
    const stream = plainText(handler.stream ?? 'ext://sys.stderr');
    if (stream === 'ext://sys.stdout' || stream === 'ext://sys.stderr') {
      return { to: stream.endsWith('stdout') ? 'stdout' : 'stderr', ...rest };
    }
    work.problems.push(work.problem([...path, 'stream'], '"ext://sys.stdout" or "ext://sys.stderr"'));
    return undefined;
  }
  if (typeof handler.filename !== 'string' || !handler.filename.startsWith('/')) {
    work.problems.push(work.problem([...path, 'filename'], 'the absolute path of the log file'));
    return undefined;
  }
  if (kind === 'rotating') {
    work.notices.push(
      `handler ${quote(String(path.at(-1)))} does not rotate ${handler.filename}: logrotate does`,
    );
  }
  return { to: { file: handler.filename }, ...rest };
}

function readLogger(logger: Section, path: Path, handlers: ReadonlySet<string>, work: Work): LoggerSettings {
  const level = readLevel(logger.level, [...path, 'level'], work);
  const named = asList(logger.handlers);
  if (logger.handlers !== undefined && !Array.isArray(logger.handlers)) {
    work.problems.push(work.problem([...path, 'handlers'], 'a list of handler names'));
  }
  for (const [index, name] of named.entries()) {
    if (typeof name === 'string' && handlers.has(name)) continue;
    const known = [...handlers].join(', ') || 'none';
    work.problems.push(
      work.problem([...path, 'handlers', index], `the name of a handler (there are: ${known})`),
    );
  }
  const { propagate } = logger;
  const passesOn = propagate === undefined || propagate === true || propagate === 1;
  if (!passesOn && propagate !== false && propagate !== 0) {
    work.problems.push(work.problem([...path, 'propagate'], 'true or false'));
  }
  return { ...(level === undefined ? {} : { level }), handlers: named.map(String), propagate: passesOn };
}

const LEVELS: ReadonlyMap<string, Threshold> = new Map([
  ['DEBUG', 'debug'],
  ['INFO', 'info'],
  ['WARNING', 'warning'],
  ['WARN', 'warning'],
  ['ERROR', 'error'],
  ['CRITICAL', 'off'],
  ['FATAL', 'off'],
]);

/** NOTSET means: as the logger above. */
function readLevel(value: unknown, path: Path, work: Work): Threshold | undefined {
  if (value === undefined || value === 'NOTSET' || value === 0) return undefined;
  if (typeof value === 'number') {
    return value <= 10
      ? 'debug'
      : value <= 20
        ? 'info'
        : value <= 30
          ? 'warning'
          : value <= 40
            ? 'error'
            : 'off';
  }
  const level = LEVELS.get(plainText(value));
  if (!level) work.problems.push(work.problem(path, `one of ${[...LEVELS.keys()].join(', ')}`));
  return level;
}
