/** Turns what ajv reports into words an operator understands. */
import type { ErrorObject } from 'ajv';
import type { Complaint } from './validate.ts';
import { anyOf, didYouMean, plainText, quote, type Path } from './words.ts';

/** Errors in ajv's order; `root` is the checked value, to tell list positions from keys. */
export function explain(errors: readonly ErrorObject[], root: unknown): Complaint[] {
  const complaints = new Map<string, Complaint>();
  for (const error of reduceUnions(errors)) {
    const complaint = toComplaint(error, pathOf(error.instancePath, root));
    if (complaint) complaints.set(JSON.stringify([complaint.path, complaint.expected]), complaint);
  }
  return [...complaints.values()];
}

type Translate = (error: ErrorObject, path: Path) => Complaint | undefined;

const TRANSLATIONS: Readonly<Record<string, Translate>> = {
  required: ({ params }, path) => missing(path, params.missingProperty as string),

  dependentRequired: ({ params }, path) => missing(path, params.missingProperty as string),
  dependencies: ({ params }, path) => missing(path, params.missingProperty as string),

  additionalProperties: ({ params, parentSchema }, path) => {
    const key = params.additionalProperty as string;
    const known = Object.keys((parentSchema?.properties ?? {}) as object);
    const found = `the unknown key ${quote(key)}${didYouMean(key, known)}`;
    return { path: [...path, key], expected: `one of the known keys: ${known.join(', ')}`, found };
  },

  propertyNames: ({ params, parentSchema }, path) => ({
    path: [...path, params.propertyName as string],
    expected: `a key that is ${describeSchema(parentSchema?.propertyNames)}`,
    found: quote(params.propertyName as string),
  }),

  minItems: ({ params, data }, path) => ({
    path,
    expected: `at least ${count(params.limit as number)}`,
    found: count((data as unknown[]).length),
  }),
  maxItems: ({ params, data }, path) => ({
    path,
    expected: `at most ${count(params.limit as number)}`,
    found: count((data as unknown[]).length),
  }),
  uniqueItems: ({ params }, path) => ({
    path: [...path, params.i as number],
    expected: 'each entry once',
    found: `the same as entry ${(params.j as number) + 1}`,
  }),

  oneOf: ({ params, parentSchema }, path) => {
    const expected = describeSchema(parentSchema);
    return params.passingSchemas === null
      ? { path, expected }
      : { path, expected: `only ${expected}`, found: 'both' };
  },

  // Its `then` or `else` has already said what is wrong.
  if: () => undefined,
};

function toComplaint(error: ErrorObject, path: Path): Complaint | undefined {
  const translate = TRANSLATIONS[error.keyword];
  return translate ? translate(error, path) : { path, expected: describeSchema(error.parentSchema) };
}

function missing(path: Path, key: string): Complaint {
  return { path, expected: `the key ${quote(key)}`, found: 'no such key' };
}

function count(entries: number): string {
  return entries === 1 ? '1 entry' : `${entries === 0 ? 'no' : entries} entries`;
}

/** What a schema accepts, in words: its own `expected`, or made from its keywords. */
export function describeSchema(given: unknown): string {
  const schema = (given ?? {}) as Record<string, unknown>;
  if (typeof schema.expected === 'string') return schema.expected;
  const union = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(union)) return anyOf([...new Set(union.map(describeSchema))]);
  if (Array.isArray(schema.enum))
    return `one of ${schema.enum.map((value) => quote(plainText(value))).join(', ')}`;
  if ('const' in schema) return quote(plainText(schema.const));
  if (schema.type !== undefined)
    return anyOf([schema.type].flat().map((type) => describeType(plainText(type), schema)));
  if (Array.isArray(schema.required))
    return `the key ${schema.required.map((key) => quote(plainText(key))).join(' and ')}`;
  return 'another value';
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: 'a string',
  integer: 'an integer',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  null: 'nothing',
};

function describeType(type: string, schema: Record<string, unknown>): string {
  const words = TYPE_WORDS[type] ?? type;
  if (type === 'string' && typeof schema.pattern === 'string')
    return `${words} that matches ${schema.pattern}`;
  if (type !== 'integer' && type !== 'number') return words;
  if (schema.minimum !== undefined && schema.maximum !== undefined) {
    return `${words} from ${plainText(schema.minimum)} to ${plainText(schema.maximum)}`;
  }
  const limits = [
    ['minimum', 'of at least'],
    ['exclusiveMinimum', 'above'],
    ['maximum', 'of at most'],
    ['exclusiveMaximum', 'below'],
  ] as const;
  const stated = limits.filter(([keyword]) => schema[keyword] !== undefined);
  return [words, ...stated.map(([keyword, text]) => `${text} ${plainText(schema[keyword])}`)].join(' ');
}

/**
 * ajv reports every branch of an `anyOf` or `oneOf`. One branch that fits as a whole and fails only further inside
 * (a list with one bad entry) tells the mistake; otherwise the union does, and its branches stay silent.
 */
function reduceUnions(errors: readonly ErrorObject[]): ErrorObject[] {
  let rest = [...errors];
  for (const union of errors.filter(({ keyword }) => keyword === 'anyOf' || keyword === 'oneOf')) {
    const inside = rest.filter((error) => error !== union && isInside(error, union));
    const deeper = [...groupByBranch(inside, union).values()].find((branch) =>
      branch.every(({ instancePath }) => instancePath.length > union.instancePath.length),
    );
    const dropped = new Set(deeper ? [union, ...inside.filter((error) => !deeper.includes(error))] : inside);
    rest = rest.filter((error) => !dropped.has(error));
  }
  // `propertyNames` comes with the inner error about the name; the outer one says more.
  return rest.filter(({ propertyName }) => propertyName === undefined);
}

function isInside(error: ErrorObject, union: ErrorObject): boolean {
  const sameValue = `${error.instancePath}/`.startsWith(`${union.instancePath}/`);
  return sameValue && error.schemaPath.startsWith(`${union.schemaPath}/`);
}

function groupByBranch(errors: readonly ErrorObject[], union: ErrorObject): Map<string, ErrorObject[]> {
  const branches = new Map<string, ErrorObject[]>();
  for (const error of errors) {
    const branch = error.schemaPath.slice(union.schemaPath.length + 1).split('/')[0] as string;
    branches.set(branch, [...(branches.get(branch) ?? []), error]);
  }
  return branches;
}

/** From a JSON pointer to steps, with numbers for positions in lists. */
function pathOf(pointer: string, root: unknown): Path {
  let value = root;
  return pointer
    .split('/')
    .slice(1)
    .map((escaped) => {
      const key = escaped.replaceAll('~1', '/').replaceAll('~0', '~');
      const step = Array.isArray(value) ? Number(key) : key;
      value = (value as Record<string | number, unknown> | undefined)?.[step];
      return step;
    });
}
