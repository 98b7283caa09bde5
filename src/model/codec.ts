import { parseExact, stringifyExact } from './exact-json.ts';

/**
 * Translates between a stored record (the field's spelling: `state_time`, `node_types`) and the object the code works
 * with (`stateTimeS`, `nodeTypes`). Keys that are not in the table are kept in `unknown` and written back unchanged, so
 * that a newer Zuul's fields survive a rewrite; so do integers of any size.
 */
export interface Codec<T> {
  /** Missing keys get the table's defaults. Throws TypeError when the text is not one JSON object. */
  decode(text: string): T;
  /** Every known key is written, with `null` when empty (but see `omitEmpty`). */
  encode(value: T): string;
}

export interface Field<V> {
  /** Key in the stored JSON. */
  key: string;
  /** Value when the key is absent. A function makes a fresh value for each record. */
  absent: V | (() => V);
  /** Cleans a stored value, for instance a bare string where a list is expected. */
  read?: (stored: unknown, record: Record<string, unknown>) => V;
  /** Turns the value into what is stored, for instance a list into one text. */
  write?(value: V): unknown;
  /** Keys written with the same value, kept for older readers. */
  alsoWrite?: string;
  /** An empty value (null, '') is left out instead of written. Not for the first field of a record. */
  omitEmpty?: true;
}

export type Fields<T> = { [K in Exclude<keyof T, 'unknown'>]: Field<T[K]> };

/** Anything that keeps keys of the stored record which the table does not know. */
export interface WithUnknown {
  unknown: Readonly<Record<string, unknown>>;
}

const NOTHING: Readonly<Record<string, unknown>> = Object.freeze({});

/** Builds the codec of one record type from its table of fields. */
export function makeCodec<T extends WithUnknown>(fields: Fields<T>): Codec<T> {
  const rows = Object.entries(fields) as [keyof T & string, Field<unknown>][];
  const parts = rows.map(([name, field], place) => ({
    name,
    opening: `${place === 0 ? '' : ','}${JSON.stringify(field.key)}:`,
    openingAgain: field.alsoWrite === undefined ? undefined : `,${JSON.stringify(field.alsoWrite)}:`,
    write: field.write,
    omitEmpty: field.omitEmpty,
  }));
  const shape = makeShape(rows.map(([name]) => name));
  const known = new Set(
    rows.flatMap(([, field]) => (field.alsoWrite ? [field.key, field.alsoWrite] : [field.key])),
  );

  return {
    decode(text) {
      const record = parseObject(text);
      const value = { ...shape };
      value['unknown'] = unknownKeys(record, known);
      for (const [name, field] of rows) value[name] = readField(field, record);
      return value as unknown as T;
    },

    encode(value) {
      let text = '{';
      for (const { name, opening, openingAgain, write, omitEmpty } of parts) {
        const stored = write === undefined ? value[name] : write(value[name]);
        if (omitEmpty && isEmpty(stored)) continue;
        const json = toJson(stored);
        text += opening + json;
        if (openingAgain !== undefined) text += openingAgain + json;
      }
      for (const key in value.unknown) {
        text += `${text === '{' ? '' : ','}${JSON.stringify(key)}:${toJson(value.unknown[key])}`;
      }
      return `${text}}`;
    },
  };
}

/** Makes records with every field at its default. */
export function makeBlank<T extends WithUnknown>(fields: Fields<T>): () => T {
  const rows = Object.entries<Field<unknown>>(fields);
  const template = makeShape(rows.map(([name]) => name));
  for (const [name, field] of rows) template[name] = absentValue(field);
  const fresh = rows.filter(([, field]) => typeof field.absent === 'function');
  return () => {
    const value: Record<string, unknown> = { ...template };
    for (const [name, field] of fresh) value[name] = absentValue(field);
    return value as unknown as T;
  };
}

/**
 * An object with all its keys, to be copied and filled. V8 keeps an object that grows by computed keys as a slow hash
 * table, and every later copy of it too; one that comes out of the JSON parser has its place for each key.
 */
function makeShape(names: readonly string[]): Record<string, unknown> & WithUnknown {
  const keys = [...names, 'unknown'].map((name) => `${JSON.stringify(name)}:null`);
  return { ...(JSON.parse(`{${keys.join(',')}}`) as Record<string, unknown>), unknown: NOTHING };
}

function isEmpty(stored: unknown): boolean {
  return stored === null || stored === undefined || stored === '';
}

/** Most fields of most records are empty: the cases that need no call come first. */
function toJson(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'object') return stringifyExact(value);
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : 'null';
  return value === true ? 'true' : 'false';
}

function readField(field: Field<unknown>, record: Record<string, unknown>): unknown {
  const stored = record[field.key];
  if (field.read) return field.read(stored, record);
  return stored === undefined ? absentValue(field) : stored;
}

function absentValue(field: Field<unknown>): unknown {
  return typeof field.absent === 'function' ? (field.absent as () => unknown)() : field.absent;
}

function unknownKeys(
  record: Record<string, unknown>,
  known: ReadonlySet<string>,
): Readonly<Record<string, unknown>> {
  let unknown: Record<string, unknown> | undefined;
  for (const key in record) if (!known.has(key)) (unknown ??= {})[key] = record[key];
  return unknown ?? NOTHING;
}

function parseObject(text: string): Record<string, unknown> {
  const parsed = parseExact(text);
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new TypeError('a stored record must be one JSON object');
  }
  return parsed as Record<string, unknown>;
}
