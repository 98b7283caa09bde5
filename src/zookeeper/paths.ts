import { BadArgumentsError, ErrorCode } from './errors.ts';

/** Throws BadArgumentsError unless the path is absolute and clean: `/`, `/a`, `/a/b`. */
export function checkPath(path: string): void {
  const problem = problemOf(path);
  if (problem)
    throw new BadArgumentsError(ErrorCode.badArguments, `${JSON.stringify(path)}: a path ${problem}`, {
      path,
    });
}

function problemOf(path: string): string | undefined {
  if (path === '/') return undefined;
  if (!path.startsWith('/')) return 'must start with /';
  if (path.endsWith('/')) return 'must not end with /';
  if (path.includes('//')) return 'must not contain an empty name';
  if (path.includes('/.') && path.split('/').some((name) => name === '.' || name === '..')) {
    return 'must not contain . or .. as a name';
  }
  return hasForbidden(path) ? 'must not contain control or private characters' : undefined;
}

/** Control characters, surrogates and the like, which the server refuses (PathUtils.validatePath). */
function hasForbidden(path: string): boolean {
  for (let index = 0; index < path.length; index++) {
    const code = path.charCodeAt(index);
    if (code < 0x20 || (code > 0x7e && code < 0xa0) || (code > 0xd7ff && code < 0xf900) || code > 0xffef)
      return true;
  }
  return false;
}

/** `/a/b` → `/a`, `/a` → `/`. The root has no parent: it stays `/`. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash <= 0 ? '/' : path.slice(0, slash);
}

/** `/a/b` → `b` */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

export function joinPath(parent: string, name: string): string {
  return parent === '/' ? `/${name}` : `${parent}/${name}`;
}

/** `/a/b` → `/a`, `/a/b`; none for the root. */
export function prefixesOf(path: string): string[] {
  const names = path.split('/').filter((name) => name !== '');
  return names.map((_, index) => `/${names.slice(0, index + 1).join('/')}`);
}

/** `path` is `root` or lies below it. */
export function isWithin(path: string, root: string): boolean {
  return root === '/' || path === root || (path.startsWith(root) && path[root.length] === '/');
}

/** Puts the chroot (`''` for none) before a path. */
export function addChroot(chroot: string, path: string): string {
  if (chroot === '') return path;
  return path === '/' ? chroot : chroot + path;
}

/** Takes the chroot away from a path of the server. */
export function stripChroot(chroot: string, path: string): string {
  if (chroot === '' || !isWithin(path, chroot)) return path;
  return path.length === chroot.length ? '/' : path.slice(chroot.length);
}
