/** Plain values as they come out of a file. */

export function asMapping(value: unknown): Record<string, unknown> | undefined {
  const fits = typeof value === 'object' && value !== null && !Array.isArray(value);
  return fits ? (value as Record<string, unknown>) : undefined;
}

export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The mappings of a list, each with its position. */
export function mappingsOf(value: unknown): [index: number, item: Record<string, unknown>][] {
  return asList(value).flatMap((item, index) => {
    const fits = asMapping(item);
    return fits ? [[index, fits] as [number, Record<string, unknown>]] : [];
  });
}

/** Absent, or without entries. */
export function isEmpty(value: unknown): boolean {
  return (
    value === undefined || value === null || (typeof value === 'object' && Object.keys(value).length === 0)
  );
}
