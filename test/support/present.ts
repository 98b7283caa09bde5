import { readdirSync } from 'node:fs';

/**
 * Names that stood in the directory at one and the same moment. One reading may list a file that goes and the one that
 * comes after it; what two readings in a row both list was there between them.
 */
export function presentAtOnce(directory: string): string[] {
  const before = new Set(readdirSync(directory));
  return readdirSync(directory).filter((name) => before.has(name));
}
