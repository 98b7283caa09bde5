/** Ids as people shorten them: without leading zeros. */

/** `'12'` → `'0000000012'`; anything else stays as it is. */
export function nodeIdOf(given: string): string {
  return /^\d{1,9}$/.test(given) ? given.padStart(10, '0') : given;
}

/** `'200-17'` → `'200-0000000017'`; anything else stays as it is. */
export function requestIdOf(given: string): string {
  const [, prefix, number] = /^(\d{3})-(\d{1,9})$/.exec(given) ?? [];
  return prefix === undefined || number === undefined ? given : `${prefix}-${number.padStart(10, '0')}`;
}
