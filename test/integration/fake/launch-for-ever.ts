/** Run as a process of its own: makes and removes instances in a directory until it is killed. */
import { createFileCloud, type FakeInstance } from '../../../src/fake/cloud.ts';
import { QuotaError } from '../../../src/errors.ts';
import type { Resources } from '../../../src/model/resources.ts';

const [directory = '', limit] = process.argv.slice(2);
const cloud = createFileCloud(directory, 'clouds');
const quota: Resources = limit === undefined ? {} : { instances: Number(limit) };
const mine: FakeInstance[] = [];

for (let number = process.pid * 10_000; ; number += 1) {
  const nodeId = String(number).padStart(10, '0');
  const instance = { externalId: `clouds-${nodeId}-1`, nodeId, pool: 'main', cost: { instances: 1 } };
  try {
    cloud.create({ ...instance, dead: false, deleteDelayMs: 0 }, quota);
    mine.push({ ...instance, dead: false, deleteDelayMs: 0 });
  } catch (error) {
    if (!(error instanceof QuotaError)) throw error;
  }
  if (number % 10 === 9) process.stdout.write('.');
  const oldest = mine.length > 2 || number % 7 === 0 ? mine.shift() : undefined;
  if (oldest !== undefined) cloud.remove(oldest.externalId);
  await new Promise((resolve) => setImmediate(resolve));
}
