/** Keys that real files of older set-ups hold, explained instead of called unknown. */
import type { Complaint } from './validate.ts';
import { quote } from './words.ts';

const BEFORE_3_0 = new Set(['cron', 'zmq-publishers', 'gearman-servers', 'targets', 'dburi', 'jenkins']);

export function explainLegacyKey(complaint: Complaint): Complaint {
  const [key, ...rest] = complaint.path;
  if (typeof key !== 'string' || rest.length > 0 || !complaint.found?.startsWith('the unknown key'))
    return complaint;
  if (BEFORE_3_0.has(key)) {
    const found = `${quote(key)}, which only releases before 3.0 had; remove it`;
    return { ...complaint, expected: 'no such key', found };
  }
  if (key === 'extra-labels') {
    const found = `${quote(key)}, which is for the merge of the config repository; move its labels into the pools`;
    return { ...complaint, expected: 'no such key', found };
  }
  return complaint;
}
