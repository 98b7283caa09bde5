import { makeCodec, type Fields, type WithUnknown } from './codec.ts';

/** What one pool decided about a request. */
export type Verdict = 'declined' | 'deferred' | 'paused' | 'launching' | 'failed';

export interface PoolDecision {
  verdict: Verdict;
  /** For people, with the figures: `at quota: 10 of 10 instances in use`. */
  reason: string;
  /** Unix seconds. */
  timeS: number;
}

/**
 * Why a request waits: the latest decision of every pool that looked at it. Its id is the request's id. Written only
 * for requests that are not served at once, and removed with the request.
 */
export interface DecisionRecord extends WithUnknown {
  /** Key: `<provider>/<pool>`. */
  pools: Record<string, PoolDecision>;
}

const FIELDS: Fields<DecisionRecord> = { pools: { key: 'pools', absent: () => ({}) } };

export const decisionCodec = makeCodec(FIELDS);
