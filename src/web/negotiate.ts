/** Content negotiation as the older web application did it. Pure. */

interface Range {
  type: string;
  subtype: string;
  q: number;
}

/** In order of preference where the client likes several equally. */
const OFFERS = ['text/html', 'text/plain', 'application/json'] as const;

/**
 * JSON only when `application/json` is what the Accept header likes best: `application/json, text/plain` is a tie, which
 * text wins. A header that cannot be satisfied or read counts as text.
 */
export function prefersJson(accept: string | undefined): boolean {
  const ranges = parseAccept(accept ?? '*/*');
  let best: { offer: string; q: number } = { offer: 'text/plain', q: 0 };
  for (const offer of OFFERS) {
    const q = qualityOf(offer, ranges);
    if (q > best.q) best = { offer, q };
  }
  return best.offer === 'application/json';
}

function parseAccept(header: string): Range[] {
  return header.split(',').flatMap((part) => {
    const [name = '', ...parameters] = part.split(';').map((word) => word.trim().toLowerCase());
    const [, type, subtype] = /^([\w!#$&^.+*-]+)\/([\w!#$&^.+*-]+)$/.exec(name) ?? [];
    if (type === undefined || subtype === undefined) return [];
    const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
    const q = weight === undefined ? 1 : Number(weight);
    return [{ type, subtype, q: Number.isFinite(q) ? Math.min(1, Math.max(0, q)) : 0 }];
  });
}

/** The most specific range that matches says how much a type is liked (RFC 9110, 12.5.1). */
function qualityOf(offer: string, ranges: readonly Range[]): number {
  const [type, subtype] = offer.split('/');
  let found: { q: number; weight: number } = { q: 0, weight: -1 };
  for (const range of ranges) {
    const fits =
      (range.type === '*' || range.type === type) && (range.subtype === '*' || range.subtype === subtype);
    const weight = (range.type === '*' ? 0 : 2) + (range.subtype === '*' ? 0 : 1);
    if (fits && weight > found.weight) found = { q: range.q, weight };
  }
  return found.q;
}
