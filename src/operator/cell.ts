/** Values as text in a table cell: one line, nothing that a terminal would obey. */

/**
 * Control characters, format characters (text direction, zero width) and line separators become visible: a comment is
 * written by whoever holds a node, and is shown on an operator's terminal. `'a\nb'` → `'a\\nb'`.
 */
export function escapeText(text: string): string {
  return text.replace(HIDDEN, (character) => NAMED[character] ?? escapeCode(character.codePointAt(0) ?? 0));
}

const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escapeCode(code: number): string {
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
}

/** Anything as the text of a cell: lists joined with commas, nothing for null, objects as JSON. */
export function cellText(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'string') return escapeText(value);
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (Array.isArray(value)) return value.map(cellText).join(',');
  if (typeof value === 'object') return escapeText(JSON.stringify(value));
  return escapeText(typeof value === 'number' || typeof value === 'bigint' ? value.toString() : '');
}

/** `DD:HH:MM:SS` since a time in Unix seconds; a time in the future counts as now. */
export function formatAge(sinceS: number, nowS: number): string {
  const total = Number.isFinite(sinceS) ? Math.max(0, Math.floor(nowS - sinceS)) : 0;
  const [days, hours] = [Math.floor(total / 86_400), Math.floor(total / 3600) % 24];
  return `${two(days)}:${two(hours)}:${two(Math.floor(total / 60) % 60)}:${two(total % 60)}`;
}

function two(number: number): string {
  return number < 10 ? `0${number}` : `${number}`;
}

/** For sentences: `'42 s'`, `'7 min'`, `'3 h 20 min'`, `'2 d 4 h'`. */
export function formatSpan(seconds: number): string {
  const total = Math.max(0, Math.floor(seconds));
  if (total < 120) return `${total} s`;
  const minutes = Math.floor(total / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return hours % 24 ? `${Math.floor(hours / 24)} d ${hours % 24} h` : `${Math.floor(hours / 24)} d`;
}

/** Columns that a text takes on a terminal; wide East Asian characters and emoji take two, combining marks none. */
export function displayWidth(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

const ASCII = /^[\x20-\x7e]*$/;
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;

function characterWidth(character: string): number {
  if (/\p{M}/u.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

/** Cuts a text to a number of columns, the last of which is then `…`. */
export function clip(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  let kept = '';
  let width = 0;
  for (const character of text) {
    width += characterWidth(character);
    if (width > columns - 1) break;
    kept += character;
  }
  return `${kept}…`;
}
