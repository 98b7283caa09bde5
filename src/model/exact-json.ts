/**
 * JSON whose integers survive. Python writes integers of any size, as in the 128 bits of a trace's id; `JSON.parse` would
 * round them to the nearest double, and whoever reads the record after us would get another number.
 */

/** An integer that a number cannot hold. For everybody but `stringifyExact` it is the nearest number. */
export class ExactInteger {
  readonly digits: string;

  constructor(digits: string) {
    this.digits = digits;
  }

  toJSON(): number | string {
    if (!isWriting) return Number(this.digits);
    hasWritten = true;
    return `${mark()}${this.digits}`;
  }

  toString(): string {
    return this.digits;
  }
}

let madeMark: string | undefined;

/**
 * Unknown to those who write records, so that no text of theirs is taken for an integer. Few records need it, and the part of
 * Node.js that makes it takes time to load.
 */
const mark = () => (madeMark ??= crypto.randomUUID());
const LONG = /\d{16}/;
const STRINGS_AND_NUMBERS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

let isWriting = false;
let hasWritten = false;

/** Like `JSON.parse`, but an integer that would come out with other digits becomes an ExactInteger. */
export function parseExact(text: string): unknown {
  if (!LONG.test(text)) return JSON.parse(text);
  let isAny = false;
  const marked = text.replace(STRINGS_AND_NUMBERS, (token) => {
    if (!/^-?[1-9]\d{15,}$/.test(token) || String(Number(token)) === token) return token;
    isAny = true;
    return `"${mark()}${token}"`;
  });
  if (!isAny) return JSON.parse(text);
  return JSON.parse(marked, (_key, value: unknown) =>
    typeof value === 'string' && value.startsWith(mark())
      ? new ExactInteger(value.slice(mark().length))
      : value,
  );
}

/** Like `JSON.stringify`, but an ExactInteger is written as it was read. */
export function stringifyExact(value: unknown): string {
  isWriting = true;
  hasWritten = false;
  try {
    const text = JSON.stringify(value);
    return hasWritten ? text.replace(new RegExp(`"${mark()}(-?\\d+)"`, 'g'), '$1') : text;
  } finally {
    isWriting = false;
  }
}
