import type { LogSettings, HandlerSettings } from '../log-sink.ts';

export interface DaemonLogOptions {
  /** A logging configuration file, which then decides everything. */
  logging?: string;
  /** A path, or `none`. */
  logFile: string;
  foreground?: true;
  debug?: true;
}

/** The log file always; the terminal too when in the foreground. */
export async function logSettings(options: DaemonLogOptions): Promise<LogSettings> {
  if (options.logging !== undefined) {
    const { loadLogConfig } = await import('../config/log-config.ts');
    return await loadLogConfig(options.logging);
  }
  const handlers: Record<string, HandlerSettings> = {};
  if (options.logFile !== 'none') handlers.file = { to: { file: options.logFile } };
  if (options.foreground || options.debug) handlers.terminal = { to: 'stdout' };
  return {
    handlers,
    loggers: {
      '': { level: 'warning', handlers: Object.keys(handlers) },
      nodepool: { level: options.debug ? 'debug' : 'info' },
    },
  };
}
