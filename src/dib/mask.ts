/** Keeps secrets out of what programs print. */
export interface Mask {
  /** The next part of a stream, without secrets; what may be the beginning of one is kept back. */
  push(part: Buffer): Buffer;
  /** What was kept back. */
  end(): Buffer;
}

const STARS = '***';

/** Values that stand for yes, no or a number of something: to hide them would hide everything. */
const COMMON = /^(|\d|true|false|yes|no|none)$/i;

/** A secret in all forms in which it may be printed: as it is, and as `set -x` of bash quotes it. */
export function createMask(secrets: readonly string[]): Mask {
  const needles = [...new Set(secrets.filter((secret) => !COMMON.test(secret)).flatMap(formsOf))]
    .map((form) => Buffer.from(form, 'utf8').toString('latin1'))
    .sort((a, b) => b.length - a.length);
  const pattern = new RegExp(needles.map(escapePattern).join('|'), 'g');
  let kept = '';
  const clean = (text: string) => (needles.length === 0 ? text : text.replaceAll(pattern, STARS));
  return {
    push(part) {
      const text = kept + part.toString('latin1');
      const cut = findCut(text, needles, pattern);
      kept = text.slice(cut);
      return Buffer.from(clean(text.slice(0, cut)), 'latin1');
    },
    end() {
      const rest = Buffer.from(clean(kept), 'latin1');
      kept = '';
      return rest;
    },
  };
}

/** `it's` is traced as `'it'\''s'`; several lines of a secret are printed as several lines of a log. */
function formsOf(secret: string): string[] {
  const quoted = secret.replaceAll("'", `'\\''`);
  const lines = secret.split(/\r?\n/).filter((line) => !COMMON.test(line.trim()));
  return [secret, quoted, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret), ...lines];
}

/** Where the text can be cut: behind it a secret may begin or have begun, and no whole one lies across. */
function findCut(text: string, needles: readonly string[], pattern: RegExp): number {
  if (needles.length === 0) return text.length;
  let cut = text.length;
  for (const needle of needles) {
    for (let length = Math.min(needle.length - 1, text.length); text.length - length < cut; length--) {
      if (needle.startsWith(text.slice(text.length - length))) cut = text.length - length;
    }
  }
  for (const { index, 0: found } of text.matchAll(pattern)) {
    if (index < cut && cut < index + found.length) return index;
  }
  return cut;
}

function escapePattern(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
