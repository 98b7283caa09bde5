import type { SpanContext } from '@opentelemetry/api';

const LARGEST_TRACE_ID = 2n ** 128n - 1n;
const LARGEST_SPAN_ID = 2n ** 64n - 1n;

/**
 * The span in which a request was made. Zuul stores its own with each of its requests, ids as integers:
 * `{"span_info": {"trace_id": 338770000918190491715395450129427169793, "span_id": 17216961135462248174, "trace_flags": 1}}`.
 * Undefined where there is none that makes sense.
 */
export function remoteParentOf(requestorData: unknown): SpanContext | undefined {
  const info = member(requestorData, 'span_info');
  const traceId = hexOf(member(info, 'trace_id'), LARGEST_TRACE_ID);
  const spanId = hexOf(member(info, 'span_id'), LARGEST_SPAN_ID);
  if (traceId === undefined || spanId === undefined) return undefined;
  const flags = member(info, 'trace_flags');
  return {
    traceId: traceId.padStart(32, '0'),
    spanId: spanId.padStart(16, '0'),
    traceFlags: typeof flags === 'number' ? flags & 1 : 0,
    isRemote: true,
  };
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}

/** Of a number, or of an ExactInteger by its digits. */
function hexOf(value: unknown, largest: bigint): string | undefined {
  const digits = String(value);
  if (typeof value === 'string' || !/^\d{1,39}$/.test(digits)) return undefined;
  const integer = BigInt(digits);
  return integer > 0n && integer <= largest ? integer.toString(16) : undefined;
}
