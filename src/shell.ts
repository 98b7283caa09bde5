/** A word for a POSIX shell whose value is exactly this text. */
export function quote(text: string): string {
  if (text.includes('\0')) throw new Error('a shell word cannot contain a zero byte');
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** The same for people to read: harmless words stay as they are. */
export function quoteWord(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : quote(word);
}
