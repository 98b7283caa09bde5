/** Does every word of the search occur somewhere in these texts? */
export function matches(search: string, texts: readonly (string | null)[]): boolean {
  const whole = texts.join(' ').toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => whole.includes(word));
}
