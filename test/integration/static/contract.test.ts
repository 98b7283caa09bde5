import t from 'tap';
import { systemClock } from '../../../src/clock.ts';
import { silentLogger } from '../../../src/log.ts';
import { staticDriver } from '../../../src/static/driver.ts';
import { providerConfig } from '../../support/provider-config.ts';
import { startSshServer } from '../../support/ssh-server.ts';
import { driverContract } from '../driver/contract.ts';

const server = await startSshServer(t);

await driverContract(t, () => {
  const config = providerConfig(staticDriver, {
    name: 'machines',
    pools: [
      {
        name: 'main',
        nodes: [
          {
            name: server.host,
            'connection-port': server.port,
            'host-key': server.hostKeys,
            labels: ['small', 'big'],
            'max-parallel-jobs': 3,
          },
        ],
      },
    ],
  });
  const pool = config.pools.get('main');
  if (pool === undefined) throw new TypeError('no pool');
  const deps = { log: silentLogger, clock: systemClock, onChange: () => undefined };
  return Promise.resolve({ provider: staticDriver.open(config, deps), pool });
});
