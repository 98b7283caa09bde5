import type { Clock } from '../clock.ts';
import { bodyLength, type Answer } from './answer.ts';

export interface KeptAnswer {
  renderedMs: number;
  answer: Answer;
}

/** Answers that are given again for a while. */
export interface KeptAnswers {
  get(key: string, render: (nowMs: number) => Answer): KeptAnswer;
  /** Of the bodies that are kept at the moment. */
  readonly bytes: number;
}

/** How many and how much; beyond that, answers are rendered each time. */
const MOST = 100;
const MOST_BYTES = 32 * 2 ** 20;

export function keepAnswers(keptMs: number, clock: Clock): KeptAnswers {
  const kept = new Map<string, KeptAnswer & { bytes: number }>();
  let bytes = 0;
  let isTimed = false;

  const forget = (nowMs: number) => {
    for (const [key, { renderedMs, bytes: size }] of kept) {
      if (nowMs - renderedMs < keptMs && renderedMs <= nowMs) continue;
      kept.delete(key);
      bytes -= size;
    }
  };
  /** Also where nobody asks again. */
  const forgetLater = () => {
    if (isTimed) return;
    isTimed = true;
    clock.after(keptMs, () => {
      isTimed = false;
      forget(clock.nowMs());
      if (kept.size > 0) forgetLater();
    });
  };

  return {
    get bytes() {
      return bytes;
    },
    get(key, render) {
      const nowMs = clock.nowMs();
      forget(nowMs);
      const found = kept.get(key);
      if (found) return found;
      const answer = render(nowMs);
      const size = bodyLength(answer.body ?? '');
      const made = { renderedMs: nowMs, answer, bytes: size };
      if (kept.size < MOST && bytes + size <= MOST_BYTES) {
        kept.set(key, made);
        bytes += size;
        forgetLater();
      }
      return made;
    },
  };
}
