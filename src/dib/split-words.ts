/**
 * Splits a command line as a POSIX shell does, without expanding anything: `a 'b c' "d \"e\""` → `['a', 'b c', 'd "e"']`.
 * Throws when a quotation mark is not closed.
 */
export function splitWords(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (const [token] of line.matchAll(/\\[\s\S]|'[^']*'|"(?:\\[\s\S]|[^"\\])*"|\s+|[^\s'"\\]+|[\s\S]/g)) {
    if (/^\s/.test(token)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + unquote(token, line);
  }
  if (word !== undefined) words.push(word);
  return words;
}

function unquote(token: string, line: string): string {
  const [first = ''] = token;
  if (token.length === 1 && `'"\\`.includes(first)) throw new Error(`${first} is not closed in: ${line}`);
  if (first === "'") return token.slice(1, -1);
  // Between double quotation marks a backslash quotes only these.
  if (first === '"')
    return token.slice(1, -1).replace(/\\([$`"\\\n])/g, (_, quoted: string) => dropNewline(quoted));
  return first === '\\' ? dropNewline(token.slice(1)) : token;
}

/** A quoted end of line is no character at all. */
const dropNewline = (character: string): string => (character === '\n' ? '' : character);
