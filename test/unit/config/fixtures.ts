/** The sample files in test/fixtures/config. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Env } from '../../../src/config/source.ts';

const ROOT = fileURLToPath(new URL('../../fixtures/config/', import.meta.url));

export interface Fixture {
  name: string;
  folder: string;
  path: string;
  securePath: string | undefined;
  env: Env;
}

export function fixtures(kind: 'good' | 'bad'): Fixture[] {
  return readdirSync(join(ROOT, kind)).map((name) => fixture(kind, name));
}

export function fixture(kind: 'good' | 'bad', name: string): Fixture {
  const folder = join(ROOT, kind, name);
  const secure = join(folder, 'secure.conf');
  const env = join(folder, 'env.json');
  return {
    name,
    folder,
    path: join(folder, 'nodepool.yaml'),
    securePath: existsSync(secure) ? secure : undefined,
    env: existsSync(env) ? (JSON.parse(readFileSync(env, 'utf8')) as Env) : {},
  };
}
