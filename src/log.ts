/**
 * The logger that everything receives. One line per event: a fixed text and changing fields.
 * Secrets never go in. How lines look and where they go is decided by the sink that `src/bin/` makes.
 */
export type Level = 'debug' | 'info' | 'warning' | 'error';

/** Fields of an event. `error` may be anything thrown; its message is logged, its stack only at debug. */
export interface Fields {
  requestId?: string | undefined;
  nodeId?: string | undefined;
  eventId?: string | null | undefined;
  error?: unknown;
  [key: string]: unknown;
}

export interface LogEvent {
  timeMs: number;
  level: Level;
  /** Dotted logger name, `nodepool.driver.runc.hv1`. */
  logger: string;
  message: string;
  fields: Fields;
}

/** Where events go. `enabled` lets a logger skip the work of building an event. */
export interface Sink {
  enabled(level: Level, logger: string): boolean;
  write(event: LogEvent): void;
}

export interface Logger {
  readonly name: string;
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warning(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
  /** Same logger name, more fields on every line. */
  child(fields: Fields): Logger;
  /** A logger below this one: `log.named('driver.runc')` of `nodepool` is `nodepool.driver.runc`. */
  named(suffix: string): Logger;
}

/** Makes a logger that sends its events to the sink. */
export function createLogger(sink: Sink, name = 'nodepool', fields: Fields = {}): Logger {
  const write = (level: Level) => (message: string, own?: Fields) => {
    if (!sink.enabled(level, name)) return;
    sink.write({
      timeMs: Date.now(),
      level,
      logger: name,
      message,
      fields: own ? { ...fields, ...own } : fields,
    });
  };
  return {
    name,
    debug: write('debug'),
    info: write('info'),
    warning: write('warning'),
    error: write('error'),
    child: (more) => createLogger(sink, name, { ...fields, ...more }),
    named: (suffix) => createLogger(sink, `${name}.${suffix}`, fields),
  };
}

/** A logger that says nothing. */
export const silentLogger: Logger = createLogger({ enabled: () => false, write: () => undefined });
