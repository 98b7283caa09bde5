/**
 * Where the state is: the part of the configuration that every command needs, also those that care for nothing else.
 * Checked by hand, so that a short command does not pay for a schema compiler.
 */
import { ConfigError, type Problem } from '../errors.ts';
import type { ZookeeperConfig } from './config.ts';
import { parse, type Document } from './document.ts';
import { deepFreeze } from './freeze.ts';
import { readSource, type Env, type Source } from './source.ts';
import { asMapping, isEmpty } from './plain.ts';
import { kindOf } from './words.ts';
import { readZookeeper } from './zookeeper.ts';

export interface StateLocation {
  readonly stateDir: string;
  readonly zookeeper: ZookeeperConfig | undefined;
}

export const DEFAULT_STATE_DIR = '/var/lib/nodepool/state';
const STATE_KEYS = ['state-dir', 'zookeeper-servers', 'zookeeper-tls', 'zookeeper-timeout'];

/** Reads only what is needed to find the store. Throws ConfigError for mistakes in those parts. */
export async function loadStateLocation({
  path,
  securePath,
  env,
}: {
  path: string;
  securePath?: string | undefined;
  env: Env;
}): Promise<StateLocation> {
  const problems: Problem[] = [];
  const [main, secure] = await Promise.all([
    openPart(path, env, problems),
    securePath === undefined ? undefined : openPart(securePath, env, problems, { secret: true }),
  ]);
  const location = main && problems.length === 0 ? readStateLocation(main, secure, problems) : undefined;
  if (!location || problems.length > 0) throw new ConfigError(problems);
  return deepFreeze(location);
}

/** The state's location, as the main file has it and the secure file overrides it; mistakes go to `problems`. */
export function readStateLocation(
  main: Document,
  secure: Document | undefined,
  problems: Problem[],
): StateLocation {
  for (const document of secure ? [main, secure] : [main]) checkIsMapping(document, problems);
  const own = asMapping(secure?.value) ?? {};
  const override = (key: string) => (secure && !isEmpty(own[key]) ? secure : main);

  return {
    stateDir: readStateDir(main, problems),
    zookeeper: readZookeeper(override('zookeeper-servers'), override('zookeeper-tls'), main, problems),
  };
}

/** A secure file may be empty, the main file may not. */
function checkIsMapping(document: Document, problems: Problem[]): void {
  const { value, source } = document;
  if (value === undefined || asMapping(value) || (value === null && source.secret)) return;
  problems.push(document.problem([], 'a mapping of options', kindOf(value)));
}

function readStateDir(main: Document, problems: Problem[]): string {
  const value = asMapping(main.value)?.['state-dir'];
  if (value === undefined) return DEFAULT_STATE_DIR;
  if (typeof value === 'string' && value.startsWith('/')) return value;
  problems.push(main.problem(['state-dir'], 'an absolute path'));
  return DEFAULT_STATE_DIR;
}

async function openPart(
  path: string,
  env: Env,
  problems: Problem[],
  options: { secret?: boolean } = {},
): Promise<Document | undefined> {
  const read = await readSource(path, env, options);
  if ('problem' in read) {
    problems.push(read.problem);
    return undefined;
  }
  const document = parsePart(read.source);
  problems.push(...document.problems);
  return document;
}

/** Blanks the lines of all other top-level keys; whatever is unusual in the file makes it parse the whole. */
function parsePart(source: Source): Document {
  const part = keepStateKeys(source.text);
  if (part === undefined) return parse(source);
  const document = parse({ ...source, text: part });
  if (document.problems.length > 0) return parse(source);
  return { ...document, value: document.value ?? {} };
}

const TOP_LEVEL_KEY = /^(["']?)([\w.-]+)\1[ \t]*:(?=\s|$)/;

/** The text with all lines of other top-level keys emptied, offsets unchanged; undefined when lines alone cannot tell. */
function keepStateKeys(text: string): string | undefined {
  let keep: boolean | undefined;
  const kept: string[] = [];
  for (const line of text.split('\n')) {
    if (/^[^\s#-]/.test(line)) {
      const key = TOP_LEVEL_KEY.exec(line)?.[2];
      if (key === undefined) return undefined;
      keep = STATE_KEYS.includes(key);
    } else if (/^(---|\.\.\.)/.test(line)) {
      return undefined;
    }
    kept.push(keep ? line : ' '.repeat(line.length));
  }
  return keep === undefined ? undefined : kept.join('\n');
}
