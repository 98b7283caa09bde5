/** Checks plain values against JSON Schemas. Loads ajv only when it is needed: the client commands never do. */
import type { Ajv, ErrorObject } from 'ajv';
import { explain } from './explain.ts';
import type { Schema } from './schema.ts';
import type { Path } from './words.ts';

/** One mistake; `found` is missing when it is simply the value at the path. */
export interface Complaint {
  path: Path;
  expected: string;
  found?: string;
}

export type Report = (path: Path, expected: string, found?: string) => void;

let loading: Promise<Ajv> | undefined;

/** Every mistake in the value; also fills in the schema's defaults. */
export async function validate(schema: Schema, value: unknown): Promise<Complaint[]> {
  const ajv = await (loading ??= loadAjv());
  // ajv compiles a schema object once and finds it again by identity.
  const check = ajv.compile(schema);
  return check(value) ? [] : explain(check.errors as ErrorObject[], value);
}

async function loadAjv(): Promise<Ajv> {
  // By its default export: the bundled command has no other export of a CommonJS package.
  const { default: ajv } = await import('ajv');
  return new ajv.Ajv({
    allErrors: true,
    verbose: true,
    useDefaults: true,
    strict: true,
    // `oneOf: [{ required: ['a'] }, { required: ['b'] }]` beside the properties is fine.
    strictRequired: false,
    allowUnionTypes: true,
    keywords: ['expected'],
    logger: false,
    // Each start compiles the schemas, for one small file, and somebody may wait. They are our own, and a test looks at them.
    validateSchema: false,
    meta: false,
    code: { optimize: false },
  });
}
