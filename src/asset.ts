/**
 * Text files that travel with the program: shell agents, profiles, schemas. In the source tree they lie beside the
 * code that uses them; the build copies them to `dist/assets/` under the same relative path.
 */
import { readFileSync } from 'node:fs';

/** Bundled code lies one folder below `dist/`; seen from `src/`, the first of the two does not exist. */
const places = [new URL('../assets/', import.meta.url), new URL('./', import.meta.url)];

/** The text of a file under `src/` ending in .sh, .py or .json: `asset('runc/agent.sh')`. Throws when there is none. */
export function asset(path: string): string {
  for (const place of places) {
    try {
      return readFileSync(new URL(path, place), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  throw new Error(
    `no asset ${path}; expected it under ${places.map((place) => place.pathname).join(' or ')}`,
  );
}
