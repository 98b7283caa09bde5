import t from 'tap';
import { checkOptions } from '../../../src/openstack/check-options.ts';
import { readLabelOptions, readPoolOptions, readProviderOptions } from '../../../src/openstack/options.ts';
import { openstackSchema } from '../../../src/openstack/schema.ts';
import { providerConfig, schemaMistakes } from '../../support/provider-config.ts';
import type { Driver } from '../../../src/driver/driver.ts';

const driver = { name: 'openstack', schema: openstackSchema, check: checkOptions } as unknown as Driver;

const full = {
  name: 'cloud-a',
  driver: 'openstack',
  cloud: 'main',
  'region-name': 'north',
  'boot-timeout': 120,
  'launch-timeout': 600,
  'launch-retries': 2,
  rate: 0.001,
  'image-name-format': '{image_name}-{timestamp}-{upload_id}',
  'hostname-format': '{label.name}-{provider.name}-{node.id}',
  'image-upload-timeout': 100,
  'post-upload-hook': '/usr/bin/hook',
  'clean-floating-ips': true,
  'port-cleanup-interval': 0,
  'nodepool-id': 'np1',
  'max-concurrency': 10,
  priority: 5,
  diskimages: [
    { name: 'debian', pause: true, 'config-drive': true, meta: { os: 'linux' }, 'connection-type': 'winrm' },
    { name: 'fedora', 'connection-port': 2222 },
  ],
  'cloud-images': [
    {
      name: 'a',
      'image-id': 'id-a',
      username: 'admin',
      'python-path': '/usr/bin/python3',
      'shell-type': 'cmd',
    },
    {
      name: 'b',
      'image-name': 'name-b',
      'config-drive': false,
      'connection-type': 'network_cli',
      'connection-port': 99,
    },
    { name: 'c' },
  ],
  pools: [
    {
      name: 'main',
      priority: 1,
      'max-servers': 5,
      'max-cores': 10,
      'max-ram': 1024,
      'max-volumes': 2,
      'max-volume-gb': 20,
      'ignore-provider-quota': true,
      'availability-zones': ['a', 'b'],
      networks: ['lan'],
      'security-groups': ['ssh'],
      'auto-floating-ip': false,
      'host-key-checking': false,
      'node-attributes': { executor: 'x' },
      labels: [
        {
          name: 'one',
          diskimage: 'debian',
          'min-ram': 1024,
          'flavor-name': 'perf',
          'key-name': 'key',
          'console-log': true,
          'boot-from-volume': true,
          'volume-size': 80,
          'volume-type': 'ssd',
          'instance-properties': { a: 'b' },
          'dynamic-instance-properties': { tenant: '{request.tenant_name}' },
          userdata: '#cloud-config',
          networks: ['wan'],
          'host-key-checking': true,
        },
        { name: 'two', 'cloud-image': 'c', 'flavor-name': 'small' },
      ],
    },
  ],
};

t.test('every option is accepted and read', (t) => {
  t.same(schemaMistakes(driver, structuredClone(full)), []);
  const config = providerConfig(driver, full);
  const found: string[] = [];
  checkOptions(config, (...problem) => found.push(problem.join(' | ')));
  t.same(found, []);
  t.match(config, { launchRetries: 2, launchTimeoutMs: 600_000, bootTimeoutMs: 120_000, maxConcurrency: 10 });

  const provider = readProviderOptions(config);
  t.match(provider, {
    cloud: 'main',
    region: 'north',
    rateMs: 1,
    hostnameFormat: '{label.name}-{provider.name}-{node.id}',
    cleanFloatingIps: true,
    portCleanupMs: 0,
  });
  t.match(provider.diskimages.get('debian'), {
    configDrive: true,
    connectionType: 'winrm',
    connectionPort: 5986,
  });
  t.match(provider.diskimages.get('fedora'), {
    configDrive: false,
    connectionType: 'ssh',
    connectionPort: 2222,
  });
  t.match(provider.cloudImages.get('a'), {
    id: 'id-a',
    username: 'admin',
    pythonPath: '/usr/bin/python3',
    shellType: 'cmd',
    connectionPort: 22,
  });
  t.match(provider.cloudImages.get('b'), {
    id: undefined,
    lookUp: 'name-b',
    connectionType: 'network_cli',
    connectionPort: 99,
  });
  t.match(provider.cloudImages.get('c'), { id: undefined, lookUp: 'c', pythonPath: 'auto' });

  const pool = config.pools.get('main')!;
  t.same(pool.limits, { instances: 5, cores: 10, ram: 1024, volumes: 2, 'volume-gb': 20 });
  t.equal(pool.ignoreProviderQuota, true);
  t.same(readPoolOptions(pool), { zones: ['a', 'b'], securityGroups: ['ssh'], autoFloatingIp: false });
  t.match(readLabelOptions(pool, pool.labels.get('one')!), {
    diskimage: 'debian',
    minRam: 1024,
    flavorName: 'perf',
    keyName: 'key',
    consoleLog: true,
    bootFromVolume: true,
    volumeSize: 80,
    volumeType: 'ssd',
    properties: { a: 'b' },
    dynamicProperties: { tenant: '{request.tenant_name}' },
    userdata: '#cloud-config',
    networks: ['wan'],
    hostKeyChecking: true,
  });
  t.match(readLabelOptions(pool, pool.labels.get('two')!), {
    networks: ['lan'],
    hostKeyChecking: false,
    volumeSize: 50,
  });
  t.end();
});

t.test('defaults are those of the documentation', (t) => {
  t.match(readProviderOptions({ options: { cloud: 'main' } }), {
    region: undefined,
    rateMs: 1000,
    hostnameFormat: undefined,
    cleanFloatingIps: false,
    portCleanupMs: 600_000,
  });
  t.same(readPoolOptions({ options: {} }), { zones: [], securityGroups: [], autoFloatingIp: true });
  t.equal(readProviderOptions({ options: { rate: '10.0' } }).rateMs, 10_000, 'Python takes texts of numbers');
  t.end();
});

t.test('what the schema cannot see is reported with its key', (t) => {
  const check = (changes: object, label: object) => {
    const labels = [{ name: 'x', 'flavor-name': 'f', 'cloud-image': 'c', ...label }];
    const section = {
      name: 'p',
      cloud: 'main',
      'cloud-images': [{ name: 'c' }],
      ...changes,
      pools: [{ name: 'main', labels }],
    };
    const found: string[] = [];
    checkOptions(providerConfig(driver, section), (...problem) => found.push(problem.join(' | ')));
    return found;
  };
  const at = 'pools[0].labels[0]';
  t.same(check({}, {}), []);
  t.same(check({ diskimages: [{ name: 'd' }] }, { diskimage: 'd' }), [
    `${at} | either "diskimage" or "cloud-image" | both`,
  ]);
  t.same(check({}, { 'cloud-image': undefined }), [`${at} | one of "diskimage" and "cloud-image" | neither`]);
  t.same(check({}, { 'cloud-image': 'z' }), [`${at}.cloud-image | a cloud-image of this provider (c) | "z"`]);
  t.same(
    check({}, { 'cloud-image': undefined, diskimage: 'd' }),
    [],
    'accepted by Nodepool, so told by the launcher',
  );
  t.same(check({}, { 'flavor-name': undefined, 'min-ram': 0 }), [
    `${at} | at least one of "min-ram" and "flavor-name" | neither`,
  ]);
  t.same(check({ 'cloud-images': [{ name: 'c', 'image-id': 'i', 'image-name': 'n' }] }, {}), [
    'cloud-images[0] | either "image-id" or "image-name" | both',
  ]);
  t.same(check({ 'cloud-images': [{ name: 'c' }, { name: 'c' }] }, {}), [
    'cloud-images[1].name | a name that does not occur twice | "c"',
  ]);
  t.match(check({ 'image-name-format': '{name}' }, {}), [
    /^image-name-format \| placeholders of \{image_name\}.* \| \{name\} in "\{name\}"$/,
  ]);
  t.match(check({ 'hostname-format': '{label.name' }, {}), [/^hostname-format .* a single \{/]);
  t.end();
});

t.test('wrong types and unknown keys are found by the schema', (t) => {
  const mistakes = (changes: object) => schemaMistakes(driver, { name: 'p', cloud: 'main', ...changes });
  t.same(mistakes({}), []);
  t.not(mistakes({ cloud: undefined }).length, 0, 'cloud is required');
  for (const wrong of [
    { rate: 'fast' },
    { rate: -1 },
    { cloud: 7 },
    { 'clean-floating-ips': 'yes' },
    { diskimages: [{}] },
    { 'cloud-images': [{ name: 'a', flavour: 1 }] },
    { unknown: 1 },
  ])
    t.not(mistakes(wrong).length, 0, JSON.stringify(wrong));
  t.end();
});
