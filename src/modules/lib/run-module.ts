/**
 * Runs an Ansible module: arguments from the JSON file that Ansible names (the WANT_JSON convention), one JSON object to
 * stdout, and never a stack trace. See "Developing modules" in Ansible's documentation.
 */
import { readFile } from 'node:fs/promises';
import { checkValues, type Options, type Values } from './options.ts';

export interface Task<T> {
  values: T;
  /** Find out what would change, and change nothing. */
  check: boolean;
  /** Tell `diff`. */
  diff: boolean;
  warn(text: string): void;
}

export interface Result {
  changed: boolean;
  diff?: { before: string; after: string; before_header?: string; after_header?: string };
  [field: string]: unknown;
}

/** A mistake of whoever wrote the task, or a state of the host that they must know: told without its place in the code. */
export class ModuleError extends Error {
  override readonly name = 'ModuleError';
  readonly fields: Readonly<Record<string, unknown>>;

  constructor(message: string, fields: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.fields = fields;
  }
}

export interface Module<T> {
  options: Options;
  /** Options whose values must never be seen: `['token', 'users.password']`, the latter in each element of a list. */
  secrets?: readonly string[];
  run(task: Task<T>): Promise<Result>;
}

/** Never rejects; ends the process, with 1 when the module failed. */
export async function runModule<T>(module: Module<T>, file = process.argv[2]): Promise<void> {
  const hidden = new Set<string>();
  const output = await answer(module, file, hidden).catch((error: unknown) => ({
    failed: true,
    msg: error instanceof Error ? error.message : String(error),
    ...(error instanceof ModuleError ? error.fields : {}),
  }));
  // What took too long may still be open.
  const end = () => process.exit('failed' in output ? 1 : 0);
  process.stdout.write(`${hide(JSON.stringify(output), hidden)}\n`, end);
}

async function answer<T>(module: Module<T>, file: string | undefined, hidden: Set<string>): Promise<object> {
  const given = await readArguments(file);
  const own = Object.entries(given).filter(([name]) => !name.startsWith('_ansible_'));
  const { values, mistakes } = checkValues(module.options, Object.fromEntries(own));
  for (const path of module.secrets ?? [])
    changeAt(values, path.split('.'), (value) => noteTexts(value, hidden));
  if (mistakes.length > 0) throw new ModuleError(mistakes.join('; '));
  const warnings: string[] = [];
  const task: Task<T> = {
    values: values as T,
    check: given['_ansible_check_mode'] === true,
    diff: given['_ansible_diff'] === true,
    warn: (text) => void warnings.push(text),
  };
  const { diff, ...result } = await module.run(task);
  return {
    ...result,
    ...(task.diff && diff !== undefined ? { diff } : {}),
    ...(warnings.length > 0 ? { warnings } : {}),
    invocation: { module_args: withoutSecrets(values, module.secrets ?? []) },
  };
}

async function readArguments(file: string | undefined): Promise<Values> {
  if (file === undefined) {
    throw new ModuleError('this is an Ansible module: expected a file with its arguments as JSON');
  }
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Values;
  } catch (error) {
    throw new ModuleError(`cannot read the arguments in ${file}: ${(error as Error).message}`);
  }
}

function withoutSecrets(values: Values, secrets: readonly string[]): unknown {
  return secrets.reduce<unknown>(
    (shown, path) => changeAt(shown, path.split('.'), () => 'VALUE_SPECIFIED_IN_NO_LOG_PARAMETER'),
    values,
  );
}

/** A copy in which what lies at the path is replaced, in every element where the path goes through a list. */
function changeAt(value: unknown, path: readonly string[], change: (value: unknown) => unknown): unknown {
  const [name, ...rest] = path;
  if (Array.isArray(value)) return value.map((element) => changeAt(element, path, change));
  if (name === undefined) return change(value);
  if (typeof value !== 'object' || value === null || !(name in value)) return value;
  return { ...value, [name]: changeAt((value as Values)[name], rest, change) };
}

/** Remembers texts of two characters or more, as they stand in JSON. */
function noteTexts(value: unknown, texts: Set<string>): unknown {
  if (typeof value === 'string' && value.length > 1) texts.add(JSON.stringify(value).slice(1, -1));
  return value;
}

/** Longest first: one secret may be part of another. */
function hide(text: string, hidden: ReadonlySet<string>): string {
  const texts = [...hidden].sort((a, b) => b.length - a.length);
  return texts.reduce((masked, secret) => masked.replaceAll(secret, '********'), text);
}
