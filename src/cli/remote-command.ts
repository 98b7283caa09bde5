import { quoteWord } from '../shell.ts';

/**
 * One word is a line for the remote shell, as it is: `'cd src && make | tee log'`. Several words are one program with
 * its arguments, which arrive exactly as they were given: `bash -c 'echo $HOME'`.
 */
export function joinCommand(words: readonly string[]): string {
  const [only] = words;
  return words.length === 1 && only !== undefined ? only : words.map(quoteWord).join(' ');
}
