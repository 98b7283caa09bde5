/** One `nodepool` command from its arguments to its exit code. */
import type { Clock } from '../clock.ts';
import type { LoadedConfig } from '../config/load.ts';
import type { Driver } from '../driver/driver.ts';
import { ConfigError, formatProblem, reasonOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Store } from '../store/store.ts';
import { EXIT_FAILED, EXIT_NOT_RUN, Failure, Interrupted } from './failure.ts';
import { parseArguments, type Globals } from './parse.ts';
import type { Io, Tools, Verb } from './verb.ts';
import { allVerbs } from './verbs/all.ts';

/** How a verb reaches the world outside; made by hand in `src/bin/`. */
export interface Deps {
  io: Io;
  version: string;
  clock: Clock;
  who: string;
  /** Aborted with `Interrupted`. */
  signal: AbortSignal;
  createLog(globals: Globals): Logger | Promise<Logger>;
  /** `over`: nobody wants it any more, so that waiting for its servers ends. */
  openStore(globals: Globals, log: Logger, over: AbortSignal): Promise<Store>;
  loadConfig(globals: Globals, file: string): Promise<LoadedConfig>;
  drivers(): Promise<readonly Driver[]>;
}

/** Returns the exit code; never throws for anything that a person can cause. */
export async function main(
  argv: readonly string[],
  deps: Deps,
  verbs: readonly Verb[] = allVerbs,
): Promise<number> {
  const parsed = parseArguments(argv, { verbs, version: deps.version, io: deps.io });
  if ('exitCode' in parsed) return parsed.exitCode;

  const { verb, globals, input } = parsed;
  const failed = verb.name === 'run' ? EXIT_NOT_RUN : EXIT_FAILED;
  let store: Promise<Store> | undefined;
  const over = new AbortController();
  // A pending promise alone does not keep the process alive.
  const alive = setInterval(() => undefined, 2 ** 30);
  try {
    const log = await deps.createLog(globals);
    const tools: Tools = {
      io: deps.io,
      clock: deps.clock,
      who: deps.who,
      signal: deps.signal,
      format: globals.format,
      configFile: globals.config,
      log,
      openStore: () => (store ??= deps.openStore(globals, log, over.signal)),
      loadConfig: (file) => deps.loadConfig(globals, file ?? globals.config),
      drivers: () => deps.drivers(),
    };
    const { run } = await verb.load();
    return await run(tools, input);
  } catch (error) {
    return report(error, deps.io, failed, globals.debug);
  } finally {
    clearInterval(alive);
    over.abort(new Error('the command is over'));
    await store?.then((open) => open.close()).catch(() => undefined);
  }
}

/** One clean message; the stack only with --debug. */
function report(error: unknown, { stderr }: Io, failed: number, debug: boolean): number {
  if (error instanceof Interrupted) {
    if (error.signal !== 'SIGPIPE') stderr.write(`nodepool: ${error.message}\n`);
    return error.exitCode;
  }
  if (error instanceof ConfigError) {
    for (const problem of error.problems) stderr.write(`${formatProblem(problem)}\n`);
    return failed;
  }
  stderr.write(`nodepool: ${explainCode(error) ?? reasonOf(error)}\n`);
  if (debug && error instanceof Error) stderr.write(`${error.stack ?? error.message}\n`);
  if (error instanceof Failure) return error.exitCode === EXIT_FAILED ? failed : error.exitCode;
  return failed;
}

/** Operating system errors that nobody has translated. */
function explainCode(error: unknown): string | undefined {
  const { code, path } = error as NodeJS.ErrnoException;
  if (code !== 'EACCES' && code !== 'EPERM') return undefined;
  return `no permission for ${path ?? reasonOf(error)}; run this as root or as the user that runs the launcher`;
}
