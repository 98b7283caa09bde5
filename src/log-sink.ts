/** Sends the events of src/log.ts to where the settings say. */
import { createLogger, type Level, type Sink } from './log.ts';
import { jsonFormat, textFormat, type Format, type FormatName } from './log-sink-format.ts';
import { openFileOutput, streamOutput, type Output } from './log-sink-output.ts';

export type Threshold = Level | 'off';

export interface LogSettings {
  /** By name. */
  handlers: Readonly<Record<string, HandlerSettings>>;
  /** By dotted logger name; '' is the root of all. A logger that is not here behaves like the nearest one above. */
  loggers: Readonly<Record<string, LoggerSettings>>;
  /** What a configuration file asks for and does not get; logged first. */
  notices?: readonly string[];
}

export interface HandlerSettings {
  to: 'stdout' | 'stderr' | { file: string };
  format?: FormatName;
  level?: Threshold;
}

export interface LoggerSettings {
  level?: Threshold;
  handlers?: readonly string[];
  /** False: loggers above get nothing from here. */
  propagate?: boolean;
}

export interface LogSink extends Sink {
  /** Writes what is waiting before it returns. */
  flushSync(): void;
  /** Opens log files again: for SIGHUP. Rotated files are also noticed without it. */
  reopen(): void;
  close(): void;
}

export interface SinkDeps {
  stdout?: NodeJS.WritableStream & { isTTY?: boolean };
  stderr?: NodeJS.WritableStream & { isTTY?: boolean };
  /** NO_COLOR, when not empty, switches colours off. */
  env?: Readonly<Record<string, string | undefined>>;
}

/** What a program logs without a logging configuration: our own events from `level` on, in one place. */
export function simpleSettings({
  to,
  level = 'info',
  format = 'text',
}: {
  to: HandlerSettings['to'];
  level?: Threshold;
  format?: FormatName;
}): LogSettings {
  return {
    handlers: { main: { to, format } },
    loggers: { '': { level: 'warning', handlers: ['main'] }, nodepool: { level } },
  };
}

/** Opens the outputs. Throws when a log file cannot be written. */
export function openSink(settings: LogSettings, deps: SinkDeps = {}): LogSink {
  const outputs = new Map<string, Output>();
  const handlers = new Map<string, Handler>();
  try {
    for (const [name, handler] of Object.entries(settings.handlers)) {
      handlers.set(name, openHandler(handler, outputs, deps));
    }
  } catch (error) {
    for (const output of outputs.values()) output.close();
    throw error;
  }

  const routes = new Map<string, Route>();
  const routeOf = (logger: string): Route => {
    let route = routes.get(logger);
    if (routes.size > MAX_ROUTES) routes.clear();
    if (!route) routes.set(logger, (route = makeRoute(logger, settings.loggers, handlers)));
    return route;
  };
  const all = [...outputs.values()];

  const sink: LogSink = {
    enabled: (level, logger) => RANK[level] >= routeOf(logger).rank,
    write(event) {
      const { stacks, targets } = routeOf(event.logger);
      for (const target of targets) {
        if (RANK[event.level] >= target.rank) target.output.write(target.format(event, { stacks }));
      }
    },
    flushSync: () => all.forEach((output) => output.flushSync()),
    reopen: () => all.forEach((output) => output.reopen()),
    close: () => all.forEach((output) => output.close()),
  };
  const log = createLogger(sink, 'nodepool.log');
  for (const notice of settings.notices ?? []) log.info(notice);
  return sink;
}

/** Names of loggers may contain ids. */
const MAX_ROUTES = 1000;

const RANK: Readonly<Record<Threshold, number>> = { debug: 10, info: 20, warning: 30, error: 40, off: 50 };

interface Handler {
  output: Output;
  format: Format;
  rank: number;
}

/** What happens to the events of one logger. */
interface Route {
  rank: number;
  stacks: boolean;
  targets: readonly Handler[];
}

function openHandler(settings: HandlerSettings, outputs: Map<string, Output>, deps: SinkDeps): Handler {
  const { to, format = 'text', level = 'debug' } = settings;
  const key = typeof to === 'string' ? to : `file ${to.file}`;
  const stream = to === 'stderr' ? (deps.stderr ?? process.stderr) : (deps.stdout ?? process.stdout);
  let output = outputs.get(key);
  if (!output)
    outputs.set(key, (output = typeof to === 'string' ? streamOutput(stream) : openFileOutput(to.file)));
  const colour = typeof to === 'string' && stream.isTTY === true && !deps.env?.NO_COLOR;
  return { output, format: format === 'json' ? jsonFormat : textFormat({ colour }), rank: RANK[level] };
}

/** The level of the nearest logger that has one; the handlers of all above, until one does not propagate. */
function makeRoute(
  logger: string,
  loggers: LogSettings['loggers'],
  handlers: ReadonlyMap<string, Handler>,
): Route {
  let level: Threshold | undefined;
  let passing = true;
  const targets = new Set<Handler>();
  for (const name of lineOf(logger)) {
    const settings = loggers[name];
    level ??= settings?.level;
    if (!passing) continue;
    for (const handler of settings?.handlers ?? []) {
      const found = handlers.get(handler);
      if (found) targets.add(found);
    }
    passing = settings?.propagate !== false;
  }
  const rank = targets.size === 0 ? RANK.off : RANK[level ?? 'warning'];
  return { rank, stacks: level === 'debug', targets: [...targets] };
}

/** `['nodepool.driver.runc', 'nodepool.driver', 'nodepool', '']` */
function lineOf(logger: string): string[] {
  const parts = logger.split('.');
  return [...parts.map((_, index) => parts.slice(0, parts.length - index).join('.')), ''];
}
