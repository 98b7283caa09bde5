/** A list of strings as older writers stored it: `['a']`, a bare `'a'`, or nothing. */
export function readStrings(stored: unknown): string[] {
  if (stored === undefined || stored === null) return [];
  return (Array.isArray(stored) ? stored : [stored]).map(String);
}
