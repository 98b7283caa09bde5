/** The merged configuration as one document, which tells of every value in which file and on which line it stands. */
import type { Document } from '../document.ts';
import { formatPath, type Path } from '../words.ts';

/** Where a part of the merged configuration comes from. */
export interface Origin {
  document: Document;
  path: Path;
}

export interface Origins {
  /** What is at `path` of the merged value, and all that is in it, stands there. */
  set(path: Path, origin: Origin): void;
  of(path: Path): Origin;
}

/** What no file accounts for is said to stand in the base. */
export function createOrigins(base: Document): Origins {
  const known = new Map<string, Origin>();
  return {
    set: (path, origin) => void known.set(formatPath(path), origin),
    of: (path) => {
      for (let depth = path.length; depth > 0; depth -= 1) {
        const origin = known.get(formatPath(path.slice(0, depth)));
        if (origin) return { document: origin.document, path: [...origin.path, ...path.slice(depth)] };
      }
      return { document: base, path };
    },
  };
}

export function mergedDocument(base: Document, value: unknown, origins: Origins): Document {
  const at = <T>(path: Path, ask: (document: Document, path: Path) => T): T => {
    const origin = origins.of(path);
    return ask(origin.document, origin.path);
  };
  return {
    source: base.source,
    value,
    problems: [],
    broken: new Set(),
    problem: (path, expected, found) => at(path, (document, own) => document.problem(own, expected, found)),
    fileOf: (path) => at(path, (document, own) => document.fileOf(own)),
    lineOf: (path) => at(path, (document, own) => document.lineOf(own)),
    variableAt: (path) => at(path, (document, own) => document.variableAt(own)),
    textAt: (path) => at(path, (document, own) => document.textAt(own)),
  };
}
