/** Text from outside must not be able to end a line, start one, or move the terminal's cursor. */

// Control characters, line separators and the marks that reverse the direction of text.
// eslint-disable-next-line no-control-regex -- finding them is the purpose
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;
const UNSAFE_ALL = new RegExp(UNSAFE.source, 'g');
const BARE = /^[^\s"'=\\[\]]+$/;

/** `a\nb` becomes `a\\nb`. */
export function escapeControls(text: string): string {
  return UNSAFE.test(text) ? text.replace(UNSAFE_ALL, escapeOne) : text;
}

/** The value of `key=value`: bare where that is unambiguous, otherwise in double quotes. */
export function formatValue(value: unknown): string {
  if (typeof value === 'string')
    return BARE.test(value) && !UNSAFE.test(value) ? value : escapeControls(JSON.stringify(value));
  if (typeof value === 'object' && value !== null) return escapeControls(toJson(value));
  return String(value);
}

/** Never throws: what cannot be written as JSON becomes its type. */
export function toJson(value: unknown): string {
  const parents: unknown[] = [];
  try {
    return (
      JSON.stringify(value, function (this: unknown, _key, inner: unknown) {
        while (parents.length > 0 && parents.at(-1) !== this) parents.pop();
        if (parents.includes(inner)) return '(repeated)';
        if (typeof inner === 'object' && inner !== null) parents.push(inner);
        if (typeof inner === 'bigint') return String(inner);
        if (inner instanceof Error) return inner.message;
        if (inner instanceof Map) return Object.fromEntries(inner) as unknown;
        return inner instanceof Set ? [...(inner as Set<unknown>)] : inner;
      }) ?? 'null'
    );
  } catch {
    return JSON.stringify(Object.prototype.toString.call(value));
  }
}

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escapeOne(char: string): string {
  return SHORT[char] ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
