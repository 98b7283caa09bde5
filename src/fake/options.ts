/** The options of the fake driver: how its imaginary cloud behaves. `docs/fake.md` explains each. */
import type { Options, PoolLabel, ProviderConfig } from '../config/config.ts';
import type { ReportProblem } from '../driver/driver.ts';
import { IMAGE_PROVIDER_KEYS } from '../driver/images.ts';
import {
  absolutePath,
  delaySeconds,
  flag,
  providerSchema,
  text,
  texts,
  type Schema,
} from '../config/schema.ts';
import type { LaunchStage } from '../errors.ts';
import { NO_RESOURCES, type Resources } from '../model/resources.ts';

export const FAIL_STAGES = ['prepare', 'create', 'start', 'address', 'keyscan', 'timeout'] as const;

/** What a label does; each option stands at the label, else at the provider. */
export interface Behaviour {
  launchDelay: DelayRange;
  deleteDelay: DelayRange;
  /** 0…1: how many launches fail. */
  failureRate: number;
  failStage: LaunchStage;
  /** 0…1: how many instances are dead when the launcher looks at them again. */
  deadRate: number;
  unready: string | undefined;
  cost: Resources;
}

/** Milliseconds; both ends are the same for a fixed delay. */
export type DelayRange = readonly [minMs: number, maxMs: number];

const rate: Schema = { type: 'number', minimum: 0, maximum: 1, expected: 'a number from 0 to 1' };
const delay: Schema = {
  anyOf: [delaySeconds, { type: 'array', items: delaySeconds, minItems: 2, maxItems: 2 }],
  expected: 'a number of seconds or [minimum, maximum]',
};
const amounts: Schema = {
  type: 'object',
  additionalProperties: { type: 'number', minimum: 0 },
  expected: 'a mapping of resources to amounts',
};

const BEHAVIOUR = {
  'launch-delay': delay,
  'delete-delay': delay,
  'failure-rate': rate,
  'fail-stage': { type: 'string', enum: FAIL_STAGES },
  'dead-rate': rate,
  unready: text,
  cost: amounts,
};

export const fakeSchema = providerSchema({
  provider: {
    ...BEHAVIOUR,
    seed: { type: 'integer' },
    quota: amounts,
    'report-quota': { ...flag, default: true },
    zones: texts,
    persist: absolutePath,
    ...IMAGE_PROVIDER_KEYS,
    'image-format': { ...text, default: 'qcow2' },
    'upload-delay': delay,
    'upload-failure-rate': rate,
  },
  label: BEHAVIOUR,
  requires: { provider: ['pools'], pool: ['labels'] },
});

/** Ranges that run backwards; the schema cannot compare their ends. */
export function checkDelays(section: ProviderConfig, report: ReportProblem): void {
  const check = (options: Options, path: string) => {
    for (const key of ['launch-delay', 'delete-delay', 'upload-delay']) {
      const value = options[key];
      if (!Array.isArray(value) || (value[0] as number) <= (value[1] as number)) continue;
      report(`${path}${key}`, 'the minimum before the maximum', JSON.stringify(value));
    }
  };
  check(section.options, '');
  [...section.pools.values()].forEach((pool, p) =>
    [...pool.labels.values()].forEach((label, l) => check(label.options, `pools[${p}].labels[${l}].`)),
  );
}

export function readBehaviour(provider: Options, label: PoolLabel): Behaviour {
  const option = (key: string) => label.options[key] ?? provider[key];
  return {
    launchDelay: readDelay(option('launch-delay')),
    deleteDelay: readDelay(option('delete-delay')),
    failureRate: (option('failure-rate') as number | undefined) ?? 0,
    failStage: (option('fail-stage') as LaunchStage | undefined) ?? 'create',
    deadRate: (option('dead-rate') as number | undefined) ?? 0,
    unready: option('unready') as string | undefined,
    cost: { instances: 1, ...((option('cost') as Resources | undefined) ?? NO_RESOURCES) },
  };
}

/** `2` → `[2000, 2000]`, `[0.1, 0.5]` → `[100, 500]`, nothing → `[0, 0]`. */
export function readDelay(value: unknown): DelayRange {
  const [min, max] = Array.isArray(value) ? (value as number[]) : [value as number | undefined];
  return [(min ?? 0) * 1000, (max ?? min ?? 0) * 1000];
}
