/** What is decided about one server: flavor, request, addresses, faults. */
import fc from 'fast-check';
import t from 'tap';
import type { LaunchSpec } from '../../../src/driver/driver.ts';
import { LaunchError, QuotaError } from '../../../src/errors.ts';
import {
  chooseAddresses,
  classifyNetworks,
  needsFloatingIp,
  readNetwork,
  type AddressRules,
} from '../../../src/openstack/addresses.ts';
import { ServiceError } from '../../../src/openstack/errors.ts';
import { asLaunchError, faultOf } from '../../../src/openstack/faults.ts';
import {
  chooseFlavor,
  missingFlavor,
  resourcesOf,
  resourcesOfServer,
} from '../../../src/openstack/flavors.ts';
import { markOf, serverMetadata } from '../../../src/openstack/mark.ts';
import { readLabelOptions } from '../../../src/openstack/options.ts';
import { serverRequest, type ServerPlan } from '../../../src/openstack/server-request.ts';

const flavors = [
  { id: '4', name: 'perf-8', ramMib: 8192, cores: 4 },
  { id: '2', name: 'b-2', ramMib: 2048, cores: 2 },
  { id: '3', name: 'a-2', ramMib: 2048, cores: 2 },
  { id: '1', name: 'a-1', ramMib: 1024, cores: 1 },
];

t.test('a flavor is chosen by exact name or id, or as the smallest with enough RAM', (t) => {
  const choose = (minRam: number, flavorName?: string) => chooseFlavor(flavors, { minRam, flavorName })?.name;
  t.equal(choose(0, 'b-2'), 'b-2');
  t.equal(choose(0, '4'), 'perf-8', 'by id');
  t.equal(choose(0, 'perf'), undefined, 'a part of the name is not enough');
  t.equal(choose(1025), 'a-2', 'of equal ones the first by name');
  t.equal(choose(1024, 'b'), 'b-2', 'with min-ram a part of the name is');
  t.equal(choose(8193), undefined);
  t.match(
    missingFlavor(flavors, { minRam: 9000, flavorName: 'x' }),
    /^min-ram: .* with "x" in its name, found 9000; there are, with their MiB: a-1 \(1024\)/,
  );
  t.end();
});

t.test('the chosen flavor never has less RAM than wanted, and no smaller one would do', (t) => {
  const flavor = fc.record({
    id: fc.uuid(),
    name: fc.string({ maxLength: 3 }),
    ramMib: fc.nat(5000),
    cores: fc.nat(8),
  });
  fc.assert(
    fc.property(fc.array(flavor), fc.integer({ min: 1, max: 5000 }), (all, minRam) => {
      const chosen = chooseFlavor(all, { minRam, flavorName: undefined });
      const enough = all.filter(({ ramMib }) => ramMib >= minRam).map(({ ramMib }) => ramMib);
      return chosen === undefined ? enough.length === 0 : chosen.ramMib === Math.min(...enough);
    }),
  );
  t.end();
});

t.test('resources come from the flavor, of listed servers as well', (t) => {
  t.same(resourcesOf(flavors[0]!), { instances: 1, cores: 4, ram: 8192 });
  t.same(resourcesOf(flavors[0]!, 20), { instances: 1, cores: 4, ram: 8192, volumes: 1, 'volume-gb': 20 });
  t.same(resourcesOfServer({ flavor: { vcpus: 3, ram: 99 } }, flavors), { instances: 1, cores: 3, ram: 99 });
  t.same(resourcesOfServer({ flavor: { id: '1' } }, flavors), { instances: 1, cores: 1, ram: 1024 });
  t.same(
    resourcesOfServer({ flavor: { id: 'deleted' } }, flavors),
    { instances: 1 },
    'a flavor that is gone',
  );
  t.end();
});

const plan = (options: Record<string, unknown>, changes: Partial<ServerPlan> = {}): ServerPlan => ({
  name: 'np1',
  flavor: flavors[0]!,
  imageId: 'image',
  configDrive: false,
  label: readLabelOptions({ options: {}, hostKeyChecking: true }, { name: 'l', options }),
  securityGroups: [],
  zone: undefined,
  metadata: { a: 'b' },
  networks: [],
  automaticNetwork: true,
  ...changes,
});

t.test('the plainest request leaves everything else to Nova', (t) => {
  const request = {
    name: 'np1',
    flavorRef: '4',
    imageRef: 'image',
    min_count: 1,
    max_count: 1,
    metadata: { a: 'b' },
  };
  t.same(serverRequest(plan({})), { ...request, networks: 'auto' });
  t.same(serverRequest(plan({}, { automaticNetwork: false })), request);
  t.end();
});

t.test('every option of a label is in the request', (t) => {
  const label = {
    'key-name': 'k',
    userdata: 'äöü',
    'boot-from-volume': true,
    'volume-size': 80,
    'volume-type': 'ssd',
  };
  const changes = {
    configDrive: true,
    securityGroups: ['s1', 's2'],
    zone: 'z',
    networks: [{ id: 'n1' }, { id: 'n2' }],
  };
  t.same(serverRequest(plan(label, changes)), {
    name: 'np1',
    flavorRef: '4',
    imageRef: '',
    min_count: 1,
    max_count: 1,
    metadata: { a: 'b' },
    availability_zone: 'z',
    key_name: 'k',
    config_drive: true,
    security_groups: [{ name: 's1' }, { name: 's2' }],
    networks: [{ uuid: 'n1' }, { uuid: 'n2' }],
    user_data: 'w6TDtsO8',
    block_device_mapping_v2: [
      {
        boot_index: '0',
        delete_on_termination: true,
        destination_type: 'volume',
        source_type: 'image',
        uuid: 'image',
        volume_size: '80',
        volume_type: 'ssd',
      },
    ],
  });
  t.end();
});

t.test('metadata: ours wins over dynamic over fixed properties, nothing is too long', (t) => {
  const options = {
    'instance-properties': {
      a: 1,
      long: 'x'.repeat(300),
      nodepool_node_id: 'forged',
      both: 'fixed',
      list: [1],
    },
    'dynamic-instance-properties': {
      both: '{request.tenant_name}',
      labels: '{request.labels}',
      bad: '{request.nothing}',
    },
  };
  const label = readLabelOptions({ options: {}, hostKeyChecking: true }, { name: 'l', options });
  const spec = {
    nodeId: '0000000001',
    pool: { name: 'main' },
    request: { tenant_name: 't1', labels: ['l', 'm'] },
  } as unknown as LaunchSpec;
  const left: string[] = [];
  const metadata = serverMetadata('cloud-a', 'debian', spec, label, (...problem) =>
    left.push(problem.join(': ')),
  );
  t.match(metadata, {
    groups: 'cloud-a,debian,l',
    a: '1',
    list: '[1]',
    both: 't1',
    labels: "['l', 'm']",
    nodepool_node_id: '0000000001',
    nodepool_pool_name: 'main',
    nodepool_provider_name: 'cloud-a',
    nodepool_image_name: 'debian',
    nodepool_node_label: 'l',
  });
  t.equal(metadata['long']?.length, 255);
  t.notOk('bad' in metadata);
  t.same(left, ['bad: nothing is known as {request.nothing}']);
  t.same(markOf({ metadata }, 'cloud-a'), { nodeId: '0000000001', pool: 'main' });
  t.equal(markOf({ metadata }, 'cloud-b'), undefined);
  t.equal(markOf({}, 'cloud-a'), undefined);
  t.end();
});

const networks = [
  readNetwork({ id: 'n1', name: 'lan', 'router:external': false }, [
    { network_id: 'n1', gateway_ip: '10.0.0.1' },
  ]),
  readNetwork({ id: 'n2', name: 'wan', 'router:external': true }, []),
];
const rules = (changes: Partial<AddressRules> = {}): AddressRules => ({
  networks: classifyNetworks(networks, []),
  private: false,
  forceIpv4: false,
  hostHasIpv6: () => false,
  ...changes,
});
const server = (addresses: Record<string, [string, string?][]>, more: object = {}) => ({
  ...more,
  addresses: Object.fromEntries(
    Object.entries(addresses).map(([network, list]) => [
      network,
      list.map(([addr, type = 'fixed']) => ({ addr, 'OS-EXT-IPS:type': type })),
    ]),
  ),
});

t.test('addresses: which is the public one, which the private, which one is used', (t) => {
  const floating = server({ lan: [['10.0.0.5'], ['198.18.0.9', 'floating']] });
  t.same(chooseAddresses(floating, rules()), {
    interfaceIp: '198.18.0.9',
    publicIpv4: '198.18.0.9',
    privateIpv4: '10.0.0.5',
    publicIpv6: undefined,
  });
  t.match(chooseAddresses(floating, rules({ private: true })), { interfaceIp: '10.0.0.5' });
  const external = server({ wan: [['8.8.4.4'], ['2001:db8::5']] });
  t.same(chooseAddresses(external, rules()), {
    interfaceIp: '8.8.4.4',
    publicIpv4: '8.8.4.4',
    privateIpv4: '8.8.4.4',
    publicIpv6: '2001:db8::5',
  });
  t.match(chooseAddresses(external, rules({ hostHasIpv6: () => true })), { interfaceIp: '2001:db8::5' });
  t.match(chooseAddresses(external, rules({ hostHasIpv6: () => true, forceIpv4: true })), {
    interfaceIp: '8.8.4.4',
    publicIpv6: undefined,
  });
  t.match(chooseAddresses(server({ lan: [['10.0.0.5']] }), rules()), {
    interfaceIp: undefined,
    privateIpv4: '10.0.0.5',
  });
  t.match(chooseAddresses(server({}, { accessIPv4: '9.9.9.9' }), rules()), { interfaceIp: '9.9.9.9' });
  t.match(
    chooseAddresses(server({ odd: [['10.1.1.1'], ['8.8.8.8']] }), rules()),
    { publicIpv4: '8.8.8.8' },
    'a routable one of an unknown network',
  );
  const hints = [
    {
      name: 'lan',
      routesExternally: undefined,
      natSource: false,
      natDestination: false,
      defaultInterface: true,
    },
  ];
  t.match(
    chooseAddresses(floating, rules({ networks: classifyNetworks(networks, hints) })),
    { interfaceIp: '10.0.0.5' },
    'default_interface wins',
  );
  t.end();
});

t.test('a floating IP is needed only without any other way in', (t) => {
  t.equal(needsFloatingIp(server({ lan: [['10.0.0.5']] }), rules()), true);
  t.equal(needsFloatingIp(server({ lan: [['10.0.0.5'], ['198.18.0.9', 'floating']] }), rules()), false);
  t.equal(needsFloatingIp(server({ wan: [['172.16.0.9']] }), rules()), false, 'on the external network');
  t.equal(needsFloatingIp(server({ lan: [['8.8.8.8']] }), rules()), false, 'routable');
  t.equal(needsFloatingIp(server({ lan: [['10.0.0.5']] }), rules({ private: true })), false);
  t.equal(needsFloatingIp(server({}), rules()), false, 'nothing to attach it to');
  const closed = rules({ networks: classifyNetworks(networks.slice(0, 1), []) });
  t.equal(needsFloatingIp(server({ lan: [['10.0.0.5']] }), closed), false, 'no external network');
  t.end();
});

t.test('networks are what clouds.yaml says, else what Neutron says', (t) => {
  const hint = {
    routesExternally: undefined,
    natSource: false,
    natDestination: false,
    defaultInterface: false,
  };
  const map = classifyNetworks(networks, [
    { ...hint, name: 'lan', routesExternally: true, natSource: true },
    { ...hint, name: 'wan', routesExternally: false, natDestination: true },
  ]);
  t.same([map.natSource?.name, map.natDestination?.name], ['lan', 'wan']);
  t.same([[...map.externalIpv4], [...map.internalIpv4]], [['lan'], ['wan']]);
  const plain = classifyNetworks(networks, []);
  t.same(
    [plain.natSource?.name, plain.natDestination?.name, plain.defaultInterface],
    ['wan', 'lan', undefined],
  );
  t.end();
});

t.test('which refusals mean that there is no room', (t) => {
  const refused = (status: number, reason: string) =>
    asLaunchError(new ServiceError(reason, { kind: 'refused', status, reason }), 'create');
  for (const [status, reason] of [
    [403, 'Quota exceeded for instances: Requested 1, but already used 10 of 10 instances'],
    [403, 'Quota exceeded, too many servers in group'],
    [409, "Quota exceeded for resources: ['port']."],
    [403, 'Maximum number of ports exceeded'],
    [413, 'VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed gigabytes quota.'],
  ] as const)
    t.type(refused(status, reason), QuotaError, reason);
  for (const [status, reason] of [
    [403, 'Policy does not allow this'],
    [400, 'Can not find requested image'],
    [500, 'Quota exceeded'],
  ] as const)
    t.type(refused(status, reason), LaunchError, reason);
  t.type(
    faultOf('s', 'Build of instance aborted: VolumeSizeExceedsAvailableQuota: exceeds quota'),
    QuotaError,
  );
  t.match(faultOf('s', 'No valid host was found.'), { name: 'LaunchError', stage: 'start' });
  const own = new QuotaError('x');
  t.equal(asLaunchError(own, 'create'), own);
  t.end();
});
