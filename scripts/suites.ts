/** The suites of tests: what they need, and how many files of each may run at a time. */

export interface Suite {
  folder: string;
  jobs: number;
  /** For one file. */
  timeoutSeconds: number;
  /** The OpenStack of `test/support/testcloud/` runs around it. */
  cloud?: true;
  /** Takes too long, or loads too much, for each run of `npm test`. */
  byHand?: true;
}

/** In the order in which `npm test` runs them. */
export const SUITES: readonly Suite[] = [
  { folder: 'test/unit', jobs: 2, timeoutSeconds: 30 },
  { folder: 'test/integration', jobs: 2, timeoutSeconds: 180 },
  { folder: 'test/ansible', jobs: 1, timeoutSeconds: 900 },
  { folder: 'test/e2e', jobs: 1, timeoutSeconds: 600 }, // real containers and ports: one file at a time
  { folder: 'test/hosts/core', jobs: 1, timeoutSeconds: 900 }, // a whole installation
  { folder: 'test/hosts/more', jobs: 1, timeoutSeconds: 1800, byHand: true },
  { folder: 'test/interop', jobs: 1, timeoutSeconds: 900 }, // installs Python programs when run for the first time
  { folder: 'test/zuul', jobs: 1, timeoutSeconds: 1800, byHand: true },
  { folder: 'test/openstack', jobs: 1, timeoutSeconds: 600, cloud: true },
  { folder: 'test/dib', jobs: 1, timeoutSeconds: 1800 }, // builds real images
];
