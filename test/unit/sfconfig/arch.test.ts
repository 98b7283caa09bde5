import fc from 'fast-check';
import t from 'tap';
import { dumpYaml } from '../../../src/config/repo/dump.ts';
import { formatProblem } from '../../../src/errors.ts';
import { readArch } from '../../../src/sfconfig/arch.ts';
import { renderHostsLines, renderInventory } from '../../../src/sfconfig/inventory.ts';
import { KNOWN_ROLES } from '../../../src/sfconfig/known-roles.ts';
import { documentOf } from '../../support/sfconfig.ts';

const options = { fqdn: 'example.org', localIp: '192.0.2.1', enableInsecureSlaves: false };
const read = (inventory: unknown, more = {}) =>
  readArch(documentOf(dumpYaml({ inventory }), 'arch.yaml'), { ...options, ...more });

const server = { name: 'sf', ip: '192.0.2.11', roles: ['install-server', 'nodepool-launcher', 'zookeeper'] };

t.test(
  'hypervisor-runc beside any other role is refused with host and option, and accepted with the option',
  async (t) => {
    for (const other of KNOWN_ROLES) {
      if (other === 'install-server') continue;
      const host = { name: 'hv1', ip: '192.0.2.12', roles: ['hypervisor-runc', other] };
      const { problems } = await read([server, host]);
      t.ok(
        problems.some(({ expected }) => /hv1\.example\.org.*--enable-insecure-slaves/.test(expected)),
        other,
      );
      if (other === 'hypervisor-runc' || other === 'zookeeper') continue; // twice the same; an even number of servers
      const accepted = await read([server, host], { enableInsecureSlaves: true });
      t.same(accepted.problems, [], `${other}, with the option`);
      t.ok(accepted.notices.some((notice) => notice.includes('not isolated')));
    }
  },
);

t.test('the install-server without ip has the address of this machine', async (t) => {
  const { ip: _, ...withoutIp } = server;
  t.match((await read([withoutIp])).arch, { hosts: [{ ip: '192.0.2.1' }] });
  const { problems } = await read([withoutIp], { localIp: undefined });
  t.match(problems.map(formatProblem), [/arch\.yaml:2: inventory\[0\]: expected host 'sf' needs an ip/]);
});

t.test('ZooKeeper goes to the install-server where no host has it, even behind a hypervisor', async (t) => {
  const hypervisor = { name: 'hv1', ip: '192.0.2.12', roles: ['hypervisor-runc'] };
  const { arch, problems, notices } = await read([
    hypervisor,
    { ...server, roles: ['install-server', 'nodepool-launcher'] },
  ]);
  t.same(problems, []);
  t.same(arch.hosts[1]?.roles, ['install-server', 'nodepool-launcher', 'zookeeper']);
  t.match(notices.join(), 'adding the missing role zookeeper');
});

t.test('a misspelt key of a host is told, an unknown one is not', async (t) => {
  const { notices } = await read([{ ...server, max_server: 3, owner: 'somebody' }]);
  t.equal(notices.length, 1);
  t.match(notices[0], /"max_server" means nothing here; "max-servers" does/);
});

const role = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...KNOWN_ROLES) },
  { weight: 1, arbitrary: fc.string() },
);
const anything = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null), fc.array(fc.string()));
const host = fc.record(
  {
    name: fc.oneof(
      { weight: 4, arbitrary: fc.stringMatching(/^[a-z][a-z0-9]{0,5}$/) },
      { weight: 1, arbitrary: anything },
    ),
    ip: fc.oneof({ weight: 4, arbitrary: fc.ipV4() }, { weight: 1, arbitrary: anything }),
    roles: fc.oneof(
      { weight: 4, arbitrary: fc.array(role, { maxLength: 4 }) },
      { weight: 1, arbitrary: anything },
    ),
    remote: fc.oneof(fc.boolean(), anything),
    'max-servers': fc.oneof(fc.integer(), anything),
  },
  { requiredKeys: [] },
);

t.test('whatever stands in the file, it is read, and every mistake has a place', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(anything, fc.array(fc.oneof(host, anything), { maxLength: 5 })),
      async (inventory) => {
        const { problems } = await read(inventory);
        for (const problem of problems) {
          t.equal(problem.file, 'arch.yaml');
          t.type(problem.expected, 'string');
        }
      },
    ),
    { numRuns: 200 },
  );
});

t.test('an accepted architecture gives every host one name, one address and its groups', async (t) => {
  const name = fc.stringMatching(/^[a-z][a-z0-9]{1,5}$/);
  const more = fc.uniqueArray(fc.record({ name, remote: fc.boolean() }), {
    selector: (each) => each.name,
    maxLength: 20,
  });
  await fc.assert(
    fc.asyncProperty(more, async (hypervisors) => {
      const hosts = hypervisors
        .filter((each) => each.name !== 'sf')
        .map((each, index) => ({ ...each, ip: `192.0.2.${index + 20}`, roles: ['hypervisor-runc'] }));
      const { arch, problems } = await read([server, ...hosts]);
      t.same(problems, []);
      const lines = renderHostsLines(arch, 'example.org');
      t.equal(lines.length, hosts.length + 1);
      t.equal(new Set(lines.flatMap((line) => line.split(' '))).size, lines.join(' ').split(' ').length);
      const group = renderInventory(arch).split('[hypervisor-runc]\n')[1]?.split('\n\n')[0] ?? '';
      t.equal(group.split('\n').filter(Boolean).length, hosts.length);
    }),
    { numRuns: 50 },
  );
});
