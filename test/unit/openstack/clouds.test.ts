import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { readCloud, type Cloud } from '../../../src/openstack/cloud.ts';
import { parseClouds, readCloudFiles, type Surroundings } from '../../../src/openstack/clouds-file.ts';
import { tempDir } from '../../support/temp.ts';

const PASSWORD = { username: 'u', password: 'p', project_name: 'ci', auth_url: 'http://key:5000' };

/** A working directory and a home with these files in them. */
function place(t: Test, files: Record<string, unknown>, env: Record<string, string> = {}): Surroundings {
  const dir = tempDir(t);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), typeof content === 'string' ? content : JSON.stringify(content));
  }
  const absolute = Object.entries(env).map(([key, value]) => [key, value.replace('DIR', dir)]);
  return {
    env: Object.fromEntries(absolute) as Record<string, string>,
    cwd: join(dir, 'work'),
    home: join(dir, 'home'),
  };
}

async function readClouds(surroundings: Surroundings) {
  return parseClouds(await readCloudFiles(surroundings), surroundings);
}

async function cloudOf(
  surroundings: Surroundings,
  { cloud = 'main', region }: { cloud?: string; region?: string } = {},
): Promise<Cloud> {
  const clouds = await readClouds(surroundings);
  return readCloud(clouds, { cloud, region, home: surroundings.home, forceIpv4: false });
}

const entry = (changes: object = {}, auth: object = {}) => ({
  clouds: { main: { auth: { ...PASSWORD, ...auth }, ...changes } },
});

t.test('the first readable file wins: variable, working directory, home', async (t) => {
  const at = (region: string) => entry({ region_name: region });
  const files = {
    'explicit.yaml': at('explicit'),
    'work/clouds.yml': at('work'),
    'home/.config/openstack/clouds.json': at('home'),
  };
  const explicit = place(t, files, { OS_CLIENT_CONFIG_FILE: 'DIR/explicit.yaml' });
  t.equal((await cloudOf(explicit)).region, 'explicit');
  t.equal((await cloudOf(place(t, files))).region, 'work');
  t.equal((await cloudOf(place(t, { 'home/.config/openstack/clouds.json': at('home') }))).region, 'home');
});

t.test('a place that is no directory, or not there, is passed over', async (t) => {
  const files = {
    'home/.config/openstack': 'no directory',
    'work/clouds.yaml': entry({ region_name: 'work' }),
  };
  t.equal((await cloudOf(place(t, files))).region, 'work');
  const absent = { ...place(t, files), cwd: '/nowhere' };
  const explicit = { ...absent, env: { OS_CLIENT_CONFIG_FILE: join(place(t, files).cwd, 'clouds.yaml') } };
  t.equal((await cloudOf(explicit)).region, 'work');
});

const installed = ['/etc/openstack', '/etc/xdg/openstack'].some((path) => existsSync(path));
const skip = installed && 'this machine has an OpenStack configuration of its own';

t.test('without any file it says where it looked', { skip }, async (t) => {
  const surroundings = place(t, {});
  await t.rejects(readClouds(surroundings), {
    name: 'CloudError',
    message: new RegExp(
      `no clouds.yaml is readable; looked for ${surroundings.cwd}/clouds.yaml, .*/etc/openstack/clouds.yaml`,
    ),
  });
});

t.test('broken YAML is told with file and line', async (t) => {
  const surroundings = place(t, { 'work/clouds.yaml': 'clouds:\n  main: [\n' });
  await t.rejects(readClouds(surroundings), {
    name: 'CloudError',
    message: /clouds\.yaml:\d+: expected YAML/,
  });
  await t.rejects(readClouds(place(t, { 'work/clouds.yaml': '- a' })), /expected a mapping/);
});

t.test('secure.yaml is merged over clouds.yaml', async (t) => {
  const surroundings = place(t, {
    'work/clouds.yaml': entry({}, { password: undefined }),
    'home/.config/openstack/secure.yaml': { clouds: { main: { auth: { password: 'from-secure' } } } },
  });
  const { credentials } = await cloudOf(surroundings);
  t.match(credentials.identity, { password: { user: { name: 'u', password: 'from-secure' } } });
});

t.test('a profile gives what the entry leaves out, the entry wins', async (t) => {
  const own = place(t, {
    'work/clouds.yaml': {
      clouds: { main: { profile: 'big', image_format: 'raw', auth: { ...PASSWORD, auth_url: undefined } } },
    },
    'work/clouds-public.yaml': {
      'public-clouds': { big: { image_format: 'vhd', auth: { auth_url: 'https://big/v3/' } } },
    },
  });
  t.match(await cloudOf(own), { authUrl: 'https://big/v3', imageFormat: 'raw' });
  const known = place(t, {
    'work/clouds.yaml': {
      clouds: {
        main: { cloud: 'vexxhost', region_name: 'sjc1', auth: { ...PASSWORD, auth_url: undefined } },
      },
    },
  });
  t.match(await cloudOf(known), {
    authUrl: 'https://auth.vexxhost.net/v3',
    imageFormat: 'raw',
    region: 'sjc1',
  });
  const wrong = place(t, { 'work/clouds.yaml': entry({ profile: 'nobody' }) });
  await t.rejects(
    cloudOf(wrong),
    /clouds\.main\.profile: expected a known profile \(.*vexxhost.*\), found "nobody"/,
  );
});

t.test('the variables of a shell are a cloud of their own', async (t) => {
  const surroundings = place(
    t,
    {},
    {
      OS_AUTH_URL: 'http://key/v3',
      OS_USERNAME: 'me',
      OS_PASSWORD: 'p',
      OS_PROJECT_NAME: 'ci',
      OS_USER_DOMAIN_NAME: 'corp',
      OS_REGION_NAME: 'R',
      OS_CLOUD: 'ignored',
    },
  );
  const cloud = await cloudOf(surroundings, { cloud: 'envvars' });
  t.match(cloud, { authUrl: 'http://key/v3', region: 'R' });
  t.match(cloud.credentials.identity, { password: { user: { name: 'me', domain: { name: 'corp' } } } });
  t.same(cloud.credentials.scope, { project: { name: 'ci', domain: { id: 'default' } } });
});

t.test('regions: the wanted one, else region_name, else the first; with values of its own', async (t) => {
  const regions = ['north', { name: 'south', values: { image_format: 'raw' } }];
  const surroundings = place(t, { 'work/clouds.yaml': entry({ regions }) });
  t.match(await cloudOf(surroundings), { region: 'north', imageFormat: 'qcow2' });
  t.match(await cloudOf(surroundings, { region: 'south' }), { region: 'south', imageFormat: 'raw' });
  await t.rejects(
    cloudOf(surroundings, { region: 'west' }),
    /^region-name: expected a region of the cloud main in .*\(north, south\), found "west"$/,
  );
});

t.test('credentials of each kind become what Keystone wants', async (t) => {
  const read = async (changes: object, auth: object) =>
    (
      await cloudOf(
        place(t, {
          'work/clouds.yaml': {
            clouds: { main: { auth: { auth_url: 'http://k/v3', ...auth }, ...changes } },
          },
        }),
      )
    ).credentials;
  t.same(
    await read(
      { auth_type: 'v3applicationcredential' },
      { application_credential_id: 'i', application_credential_secret: 's' },
    ),
    {
      identity: { methods: ['application_credential'], application_credential: { id: 'i', secret: 's' } },
    },
  );
  t.same(
    await read({}, { application_credential_name: 'n', application_credential_secret: 's', user_id: 'u' }),
    {
      identity: {
        methods: ['application_credential'],
        application_credential: { name: 'n', user: { id: 'u' }, secret: 's' },
      },
    },
  );
  t.same(await read({ auth_type: 'v3password' }, { user_id: 'u', password: 'p', tenant_id: 't' }), {
    identity: { methods: ['password'], password: { user: { id: 'u', password: 'p' } } },
    scope: { project: { id: 't' } },
  });
  t.same(await read({}, { username: 'u', password: 'p', tenant_name: 't', domain_name: 'corp' }), {
    identity: {
      methods: ['password'],
      password: { user: { name: 'u', domain: { name: 'corp' }, password: 'p' } },
    },
    scope: { project: { name: 't', domain: { name: 'corp' } } },
  });
  t.same(await read({ auth_type: 'token' }, { token: 'x', project_id: 'p' }), {
    identity: { methods: ['token'], token: { id: 'x' } },
    scope: { project: { id: 'p' } },
  });
});

t.test('what is missing in an entry is named by its key, without any secret', async (t) => {
  const cases: [object, RegExp][] = [
    [
      { auth: { ...PASSWORD, auth_url: undefined } },
      /clouds\.main\.auth\.auth_url: expected the URL of Keystone/,
    ],
    [
      { auth: { ...PASSWORD, auth_url: 'key:5000' } },
      /auth\.auth_url: expected an http or https URL, found "key:5000"/,
    ],
    [{ auth: { ...PASSWORD, username: undefined } }, /auth\.username: expected a value, found nothing/],
    [{ auth: { ...PASSWORD, password: undefined } }, /auth\.password: expected a value, found nothing/],
    [
      { auth: { ...PASSWORD, project_name: undefined } },
      /auth\.project_name: expected the name of a project/,
    ],
    [
      { auth: PASSWORD, auth_type: 'v3oidc' },
      /auth_type: expected password, token or v3applicationcredential, found "v3oidc"/,
    ],
    [{ auth: PASSWORD, networks: 'lan' }, /networks: expected a list/],
    [{ auth: PASSWORD, networks: [{}] }, /networks\[0\]\.name: expected a name/],
  ];
  for (const [main, message] of cases)
    await t.rejects(cloudOf(place(t, { 'work/clouds.yaml': { clouds: { main } } })), {
      name: 'CloudError',
      message,
    });
});

t.test('every other key that matters is read', async (t) => {
  const surroundings = place(t, {
    'work/clouds.yaml': {
      client: { force_ipv4: true },
      ...entry({
        interface: 'internal',
        image_interface: 'admin',
        compute_endpoint_override: 'http://nova/%(project_id)s',
        block_storage_endpoint_override: 'http://cinder',
        compute_default_microversion: '2.40',
        insecure: true,
        cacert: '~/ca.pem',
        cert: '/c.pem',
        key: '/k.pem',
        api_timeout: 60,
        image_format: 'raw',
        floating_ip_source: 'None',
        private: true,
        networks: [
          { name: 'lan', nat_destination: true, default_interface: true },
          { name: 'wan', routes_externally: true, nat_source: true },
        ],
      }),
    },
  });
  const cloud = await cloudOf(surroundings);
  t.match(cloud, {
    tls: { verify: false, ca: `${surroundings.home}/ca.pem`, cert: '/c.pem', key: '/k.pem' },
    timeoutMs: 60_000,
    imageFormat: 'raw',
    floatingIps: false,
    private: true,
    forceIpv4: true,
    networks: [
      { name: 'lan', natDestination: true, defaultInterface: true, natSource: false },
      { name: 'wan', routesExternally: true, natSource: true },
    ],
  });
  t.same(
    [
      cloud.interfaceOf('compute'),
      cloud.interfaceOf('image'),
      cloud.endpointOf('volume'),
      cloud.microversionOf('compute'),
    ],
    ['internal', 'admin', 'http://cinder', '2.40'],
  );
});
