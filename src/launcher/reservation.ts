import type { Resources } from '../model/resources.ts';
import type { Account } from './usage.ts';
import type { Context } from './context.ts';
import type { Pool } from './pool.ts';

/** Room promised to one node until its record stands in the world and counts by itself. */
export interface Reservation {
  readonly resources: Resources;
  /** Safe to call twice. */
  release(): void;
}

type Shared = Pick<Context, 'promises' | 'roomChanged'>;

/** Room in the pool, the provider and the tenant's limit for a node that is to be launched; it counts as launching. */
export function reserve(
  pool: Pool,
  resources: Resources,
  tenant: string | null,
  context: Shared,
): Reservation {
  const account = { provider: pool.config.provider, pool: pool.config.name, tenant };
  return promise(account, pool, resources, context, 1);
}

/** A ready node has its room; only the tenant that it goes to has to have some. */
export function reserveForTenant(
  pool: Pool,
  resources: Resources,
  tenant: string | null,
  context: Shared,
): Reservation {
  return promise({ provider: null, pool: null, tenant }, pool, resources, context, 0);
}

function promise(
  account: Account,
  pool: Pool,
  resources: Resources,
  context: Shared,
  launches: 0 | 1,
): Reservation {
  const { reserved } = context.promises;
  let held = true;
  reserved.add(account, resources, 1);
  pool.runtime.launching += launches;
  return {
    resources,
    release() {
      if (!held) return;
      held = false;
      reserved.add(account, resources, -1);
      pool.runtime.launching -= launches;
      context.roomChanged(pool.config.provider, pool.config.name);
    },
  };
}
