/**
 * The options of a module, as its documentation lists them (`ansible/plugins/modules/<name>.yml`), and the check of what
 * a task gives. Nothing else says what a module takes.
 */

export interface Option {
  type?: 'str' | 'int' | 'float' | 'bool' | 'list' | 'dict' | 'path' | 'raw';
  required?: boolean;
  default?: unknown;
  choices?: readonly string[];
  elements?: Exclude<Option['type'], 'list'>;
  /** Of a `dict`, or of each element of a `list`. */
  suboptions?: Options;
}

export type Options = Readonly<Record<string, Option>>;
export type Values = Record<string, unknown>;

/** Values with defaults and right types, or every mistake, as sentences. */
export function checkValues(
  options: Options,
  given: Values,
  at = '',
): { values: Values; mistakes: readonly string[] } {
  const mistakes = Object.keys(given)
    .filter((name) => !(name in options))
    .map((name) => `${at}${name}: no such option; there are: ${Object.keys(options).join(', ')}`);
  const values: Values = {};
  for (const [name, option] of Object.entries(options)) {
    const value = given[name] ?? option.default;
    if (value === undefined || value === null) {
      if (option.required) mistakes.push(`${at}${name}: required, but not given`);
      continue;
    }
    const checked = checkValue(option, value, `${at}${name}`);
    values[name] = checked.value;
    mistakes.push(...checked.mistakes);
  }
  return { values, mistakes };
}

interface Checked {
  value: unknown;
  mistakes: readonly string[];
}

function checkValue(option: Option, value: unknown, at: string): Checked {
  const { type = 'str', choices } = option;
  if (type === 'list') return checkList(option, value, at);
  if (type === 'dict') return checkDict(option, value, at);
  const converted = CONVERSIONS[type](value);
  if (converted === undefined) return wrong(at, NAMES[type], value);
  if (choices !== undefined && !choices.includes(converted as string)) {
    return wrong(at, `one of ${choices.join(', ')}`, value);
  }
  return { value: converted, mistakes: [] };
}

function checkList({ elements = 'raw', suboptions, choices }: Option, value: unknown, at: string): Checked {
  if (!Array.isArray(value)) return wrong(at, 'a list', value);
  const element: Option = {
    type: elements,
    ...(suboptions ? { suboptions } : {}),
    ...(choices ? { choices } : {}),
  };
  const checked = value.map((item, index) => checkValue(element, item, `${at}[${index}]`));
  return { value: checked.map((item) => item.value), mistakes: checked.flatMap((item) => item.mistakes) };
}

function checkDict({ suboptions }: Option, value: unknown, at: string): Checked {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return wrong(at, 'a mapping', value);
  if (suboptions === undefined) return { value, mistakes: [] };
  const { values, mistakes } = checkValues(suboptions, value as Values, `${at}.`);
  return { value: values, mistakes };
}

/** As Ansible's own modules convert: templates make texts of everything. Undefined: cannot be converted. */
const CONVERSIONS: Record<
  Exclude<NonNullable<Option['type']>, 'list' | 'dict'>,
  (value: unknown) => unknown
> = {
  str: (value) => textOf(value),
  path: (value) => (typeof value === 'string' && value.startsWith('/') ? value : undefined),
  int: (value) => (/^-?\d+$/.test(textOf(value) ?? '') ? Number(value) : undefined),
  float: (value) => (/^-?\d+(\.\d+)?$/.test(textOf(value) ?? '') ? Number(value) : undefined),
  bool: (value) => BOOLEANS.get(textOf(value)?.toLowerCase() ?? ''),
  raw: (value) => value,
};

const SCALARS = new Set(['string', 'number', 'boolean']);

/** Only of what is one value: a list or a mapping may have any text, or none. */
function textOf(value: unknown): string | undefined {
  return SCALARS.has(typeof value) ? String(value) : undefined;
}

const NAMES: Record<keyof typeof CONVERSIONS, string> = {
  str: 'a text',
  path: 'an absolute path',
  int: 'an integer',
  float: 'a number',
  bool: 'true or false',
  raw: 'a value',
};

const BOOLEANS = new Map(
  ['true', 'yes', 'on', '1', 'y', 't']
    .map((word): [string, boolean] => [word, true])
    .concat(['false', 'no', 'off', '0', 'n', 'f'].map((word): [string, boolean] => [word, false])),
);

/** Of a value only its kind is told: it may be a secret. */
function wrong(at: string, expected: string, value: unknown): Checked {
  const kind = Array.isArray(value)
    ? 'a list'
    : typeof value === 'object'
      ? 'a mapping'
      : `a ${typeof value}`;
  const found = expected.startsWith('one of') ? JSON.stringify(value) : kind;
  return { value: undefined, mistakes: [`${at}: expected ${expected}, found ${found}`] };
}
