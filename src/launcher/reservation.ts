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

/** Room in the pool, the provider and the tenant's limit for a node that is to be launched. */
export function reserve(
  pool: Pool,
  resources: Resources,
  tenant: string | null,
  context: Shared,
): Reservation {
  return promise(
    { provider: pool.config.provider, pool: pool.config.name, tenant },
    pool,
    resources,
    context,
  );
}

/** A ready node has its room; only the tenant that it goes to has to have some. */
export function reserveForTenant(
  pool: Pool,
  resources: Resources,
  tenant: string | null,
  context: Shared,
): Reservation {
  return promise({ provider: null, pool: null, tenant }, pool, resources, context);
}

function promise(account: Account, pool: Pool, resources: Resources, context: Shared): Reservation {
  const { reserved } = context.promises;
  let held = true;
  reserved.add(account, resources, 1);
  return {
    resources,
    release() {
      if (!held) return;
      held = false;
      reserved.add(account, resources, -1);
      context.roomChanged(pool.config.provider, pool.config.name);
    },
  };
}
