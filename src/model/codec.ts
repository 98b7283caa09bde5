/**
 * Translates between a stored record (the field's spelling: `state_time`, `node_types`) and the object the code works
 * with (`stateTimeS`, `nodeTypes`). Keys that are not in the table are kept in `unknown` and written back unchanged, so
 * that a newer Zuul's fields survive a rewrite.
 */
export interface Codec<T> {
  /** Missing keys get the table's defaults. Throws TypeError when the text is not one JSON object. */
  decode(text: string): T;
  /** Every known key is written, with `null` when empty. */
  encode(value: T): string;
}

export interface Field<V> {
  /** Key in the stored JSON. */
  key: string;
  /** Value when the key is absent. A function makes a fresh value for each record. */
  absent: V | (() => V);
  /** Cleans a stored value, for instance a bare string where a list is expected. */
  read?: (stored: unknown, record: Record<string, unknown>) => V;
  /** Keys written with the same value, kept for older readers. */
  alsoWrite?: string;
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
  const known = new Set(
    rows.flatMap(([, field]) => (field.alsoWrite ? [field.key, field.alsoWrite] : [field.key])),
  );

  return {
    decode(text) {
      const record = parseObject(text);
      const value: Record<string, unknown> = { unknown: unknownKeys(record, known) };
      for (const [name, field] of rows) value[name] = readField(field, record);
      return value as T;
    },

    encode(value) {
      const record: Record<string, unknown> = {};
      for (const [name, field] of rows) {
        record[field.key] = value[name] ?? null;
        if (field.alsoWrite) record[field.alsoWrite] = value[name] ?? null;
      }
      return JSON.stringify(Object.assign(record, value.unknown));
    },
  };
}

/** A record with every field at its default. */
export function defaultsOf<T extends WithUnknown>(fields: Fields<T>): T {
  const value: Record<string, unknown> = { unknown: NOTHING };
  for (const [name, field] of Object.entries(fields) as [string, Field<unknown>][])
    value[name] = absentValue(field);
  return value as T;
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
  const parsed: unknown = JSON.parse(text);
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new TypeError('a stored record must be one JSON object');
  }
  return parsed as Record<string, unknown>;
}
