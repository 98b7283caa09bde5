import { UsageError } from './failure.ts';

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** `'90'` (seconds), `'30m'`, `'1h30m'`, `'2d'` in seconds. Throws UsageError. */
export function parseDuration(text: string): number {
  const parts = [...text.matchAll(/(\d+)([smhdw]?)/g)];
  const whole = parts.map((part) => part[0]).join('');
  const plain = parts.length > 1 && parts.some((part) => part[2] === '');
  const seconds = parts.reduce((sum, part) => sum + Number(part[1]) * (UNITS[part[2] || 's'] ?? 0), 0);
  if (whole !== text || text === '' || plain || !Number.isSafeInteger(seconds) || seconds === 0) {
    throw new UsageError(`expected a duration such as 90, 30m, 1h30m or 2d, found "${text}"`);
  }
  return seconds;
}

/** A whole number of at least one. Throws UsageError. */
export function parseCount(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(count) || count < 1) {
    throw new UsageError(`expected a whole number of at least 1, found "${text}"`);
  }
  return count;
}
