"""Fills the started cloud, through its public APIs only.

    provision.py check     are all services answering? (no output, exit status)
    provision.py identity  accounts and the catalog, as soon as Keystone answers
    provision.py setup     wait until healthy, then make everything else
"""

import hashlib
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request

E = os.environ
WORK = E['TC_WORK']
REGION = E['TC_REGION']
T0 = time.time()

# service type -> (name, user, url)
SERVICES = {
    'image': ('glance', E['TC_GLANCE']),
    'placement': ('placement', E['TC_PLACEMENT']),
    'compute': ('nova', E['TC_NOVA']),
    'network': ('neutron', E['TC_NEUTRON']),
    'volumev3': ('cinder', E['TC_CINDER_URL']),
}


def say(text):
    print('        + %4.1f s %s' % (time.time() - T0, text), flush=True)


def root(url):
    """The unversioned root of an endpoint: answers without a token."""
    return '/'.join(url.split('/')[:3]) + '/'


def answers(url):
    try:
        urllib.request.urlopen(url, timeout=5).read()
    except urllib.error.HTTPError as exc:
        return exc.code in (300, 401)
    except OSError:
        return False
    return True


def wait_for(what, test, limit=180):
    end = time.time() + limit
    while True:
        value = test()
        if value:
            return value
        if time.time() > end:
            sys.exit('testcloud: gave up waiting for ' + what)
        time.sleep(0.3)


def check():
    urls = [E['TC_KEYSTONE']] + [root(url) for _, url in SERVICES.values()]
    if not os.path.exists(os.path.join(WORK, 'clouds.yaml')):
        return False
    return all(answers(url) for url in urls)


class Api:
    """One account's token, and JSON requests with it."""

    def __init__(self, user, password, project):
        body = {'auth': {
            'identity': {'methods': ['password'], 'password': {'user': {
                'name': user, 'password': password,
                'domain': {'id': 'default'}}}},
            'scope': {'project': {'name': project,
                                  'domain': {'id': 'default'}}}}}
        self.token = None
        answer, headers = self.request(
            'POST', E['TC_KEYSTONE'] + '/auth/tokens', body, full=True)
        self.token = headers['X-Subject-Token']
        self.project_id = answer['token']['project']['id']
        self.user_id = answer['token']['user']['id']

    def request(self, method, url, body=None, full=False, headers=()):
        data = body
        send = dict(headers)
        if body is not None and not hasattr(body, 'read'):
            data = json.dumps(body).encode()
            send.setdefault('Content-Type', 'application/json')
        if self.token:
            send['X-Auth-Token'] = self.token
        request = urllib.request.Request(url, data, send, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                text = answer.read()
                got = dict(answer.headers.items())
        except urllib.error.HTTPError as exc:
            sys.exit('testcloud: %s %s: %s %s' % (
                method, url, exc.code, exc.read().decode(errors='replace')))
        value = json.loads(text) if text.strip() else None
        return (value, got) if full else value

    def get(self, url):
        return self.request('GET', url)

    def post(self, url, body, **kw):
        return self.request('POST', url, body, **kw)

    def put(self, url, body=None, **kw):
        return self.request('PUT', url, body, **kw)


def make_identity(admin):
    url = E['TC_KEYSTONE']
    roles = {r['name']: r['id'] for r in admin.get(url + '/roles')['roles']}
    if 'service' not in roles:
        roles['service'] = admin.post(
            url + '/roles', {'role': {'name': 'service'}})['role']['id']

    def project(name):
        return admin.post(url + '/projects', {'project': {
            'name': name, 'domain_id': 'default'}})['project']['id']

    def user(name, password, project_id, names):
        user_id = admin.post(url + '/users', {'user': {
            'name': name, 'password': password, 'domain_id': 'default',
            'default_project_id': project_id}})['user']['id']
        for role in names:
            admin.put('%s/projects/%s/users/%s/roles/%s' % (
                url, project_id, user_id, roles[role]))
        return user_id

    service = project('service')
    for kind, (name, endpoint) in SERVICES.items():
        user(name, E['TC_SERVICE_PW'], service, ['admin', 'service'])
        service_id = admin.post(url + '/services', {'service': {
            'name': name, 'type': kind}})['service']['id']
        for interface in 'public', 'internal', 'admin':
            admin.post(url + '/endpoints', {'endpoint': {
                'interface': interface, 'region_id': REGION,
                'service_id': service_id, 'url': endpoint}})
    project_id = project('nodepool')
    user('nodepool', E['TC_NODEPOOL_PW'], project_id, ['member', 'reader'])


def identity():
    wait_for('keystone', lambda: answers(E['TC_KEYSTONE']))
    make_identity(Api('admin', E['TC_ADMIN_PW'], 'admin'))


def make_compute(admin, project_id):
    url = E['TC_NOVA']
    for name, ram, disk in ('m1.tiny', 512, 1), ('m1.small', 2048, 20):
        admin.post(url + '/flavors', {'flavor': {
            'name': name, 'ram': ram, 'vcpus': 1, 'disk': disk}})
    admin.put('%s/os-quota-sets/%s' % (url, project_id), {'quota_set': {
        'instances': 10, 'cores': 20, 'ram': 51200}})


def make_networks(admin, member):
    url = E['TC_NEUTRON'] + '/v2.0'

    def make(api, kind, **values):
        return api.post('%s/%ss' % (url, kind), {kind: values})[kind]

    public = make(admin, 'network', name='public', **{
        'router:external': True, 'provider:network_type': 'flat',
        'provider:physical_network': 'external'})
    make(admin, 'subnet', name='public-v4', network_id=public['id'],
         ip_version=4, cidr='203.0.113.0/24', gateway_ip='203.0.113.1',
         enable_dhcp=False, allocation_pools=[
             {'start': '203.0.113.10', 'end': '203.0.113.250'}])
    private = make(member, 'network', name='private')
    subnet = make(member, 'subnet', name='private-v4',
                  network_id=private['id'], ip_version=4,
                  cidr='10.20.0.0/24', dns_nameservers=['192.0.2.53'])
    router = make(member, 'router', name='router', external_gateway_info={
        'network_id': public['id']})
    member.put('%s/routers/%s/add_router_interface' % (url, router['id']),
               {'subnet_id': subnet['id']})
    group = member.get(url + '/security-groups?name=default&project_id=' +
                       member.project_id)['security_groups'][0]
    make(member, 'security_group_rule', security_group_id=group['id'],
         direction='ingress', ethertype='IPv4', protocol='tcp',
         port_range_min=22, port_range_max=22, remote_ip_prefix='0.0.0.0/0')


def run(*command):
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def make_image_files():
    """A disk with an ext4 file system on it, raw and as qcow2.

    It is well-formed but not bootable: nothing here ever boots it.
    """
    where = os.path.join(WORK, 'images')
    raw, qcow2 = (os.path.join(where, 'small.' + end)
                  for end in ('raw', 'qcow2'))
    if os.path.exists(qcow2):
        return raw, qcow2
    tree = os.path.join(where, 'tree')
    os.makedirs(os.path.join(tree, 'etc'), exist_ok=True)
    with open(os.path.join(tree, 'etc/os-release'), 'w') as out:
        out.write('ID=testcloud\nNAME="testcloud"\n')
    with open(os.path.join(tree, 'filler'), 'wb') as out:
        block = b'testcloud'
        for _ in range(32768):      # 1 MiB that does not compress
            block = hashlib.sha256(block).digest()
            out.write(block)
    with open(raw, 'wb') as out:
        out.truncate(16 << 20)
    run('mke2fs', '-q', '-F', '-t', 'ext4', '-L', 'testcloud', '-d', tree, raw)
    run('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', raw,
        qcow2 + '.part')
    os.rename(qcow2 + '.part', qcow2)
    return raw, qcow2


def make_images(admin):
    url = E['TC_GLANCE'] + '/v2/images'
    for path in make_image_files():
        name = os.path.basename(path)
        kind = name.split('.')[1]
        image = admin.post(url, {
            'name': 'small-' + kind, 'disk_format': kind,
            'container_format': 'bare', 'visibility': 'public',
            'min_disk': 1, 'min_ram': 64})
        with open(path, 'rb') as data:
            admin.put('%s/%s/file' % (url, image['id']), data, headers={
                'Content-Type': 'application/octet-stream',
                'Content-Length': str(os.path.getsize(path))})
        got = admin.get(url + '/' + image['id'])
        with open(path, 'rb') as data:
            want = hashlib.sha512(data.read()).hexdigest()
        if got['status'] != 'active' or got['os_hash_value'] != want:
            sys.exit('testcloud: image %s is not as uploaded: %s' % (
                name, got))


def make_volumes(admin):
    url = E['TC_CINDER_URL'].replace('%(project_id)s', admin.project_id)
    kind = admin.post(url + '/types', {'volume_type': {
        'name': 'fake', 'extra_specs': {
            'volume_backend_name': 'fake'}}})['volume_type']
    return kind


def volumes_are_up(admin):
    """Can Cinder's scheduler place a volume?

    It knows a backend only when that has told it of itself, and refuses
    volumes when that takes more than a minute.
    """
    url = E['TC_CINDER_URL'].replace('%(project_id)s', admin.project_id)
    return admin.get(url + '/scheduler-stats/get_pools')['pools']


def compute_is_up(admin):
    for item in admin.get(E['TC_NOVA'] + '/os-hypervisors')['hypervisors']:
        if item['state'] == 'up':
            break
    else:
        return False
    # Placement must know what it has, or the scheduler finds no host.
    url = E['TC_PLACEMENT'] + '/resource_providers'
    for item in admin.get(url)['resource_providers']:
        if admin.get('%s/%s/inventories' % (url, item['uuid']))['inventories']:
            return True
    return False


def make_application_credential(member):
    return member.post('%s/users/%s/application_credentials' % (
        E['TC_KEYSTONE'], member.user_id), {'application_credential': {
            'name': 'testcloud'}})['application_credential']


def write_clouds(credential):
    def password(user, word, project):
        return {'auth': {
            'auth_url': E['TC_KEYSTONE'], 'username': user, 'password': word,
            'project_name': project, 'user_domain_id': 'default',
            'project_domain_id': 'default'}}

    clouds = {
        'testcloud': password('nodepool', E['TC_NODEPOOL_PW'], 'nodepool'),
        'testcloud-appcred': {
            'auth_type': 'v3applicationcredential', 'auth': {
                'auth_url': E['TC_KEYSTONE'],
                'application_credential_id': credential['id'],
                'application_credential_secret': credential['secret']}},
        'testcloud-admin': password('admin', E['TC_ADMIN_PW'], 'admin'),
    }
    lines = ['clouds:']
    for name, cloud in clouds.items():
        cloud.update(region_name=REGION, identity_api_version='3')
        lines.append('  %s:' % name)
        for key, value in cloud.items():
            if key != 'auth':
                lines.append('    %s: %s' % (key, json.dumps(value)))
        lines.append('    auth:')
        for key, value in cloud['auth'].items():
            lines.append('      %s: %s' % (key, json.dumps(value)))
    path = os.path.join(WORK, 'clouds.yaml')
    with open(path + '.part', 'w') as out:
        out.write('\n'.join(lines) + '\n')
    os.rename(path + '.part', path)


def setup():
    os.makedirs(os.path.join(WORK, 'images'), exist_ok=True)
    make_image_files()
    wait_for('keystone', lambda: answers(E['TC_KEYSTONE']))
    admin = Api('admin', E['TC_ADMIN_PW'], 'admin')
    member = Api('nodepool', E['TC_NODEPOOL_PW'], 'nodepool')
    credential = make_application_credential(member)
    say('keystone')
    wait_for('glance', lambda: answers(root(E['TC_GLANCE'])))
    make_images(admin)
    say('images')
    wait_for('nova', lambda: answers(root(E['TC_NOVA'])))
    make_compute(admin, member.project_id)
    say('flavors, quotas')
    wait_for('neutron', lambda: answers(root(E['TC_NEUTRON'])))
    make_networks(admin, member)
    say('networks')
    wait_for('cinder', lambda: answers(root(SERVICES['volumev3'][1])))
    make_volumes(admin)
    say('volume type')
    wait_for('the volume backend', lambda: volumes_are_up(admin))
    wait_for('the compute host', lambda: compute_is_up(admin))
    say('volume backend, compute host')
    write_clouds(credential)


if __name__ == '__main__':
    if sys.argv[1:] == ['check']:
        sys.exit(0 if check() else 1)
    elif sys.argv[1:] == ['identity']:
        identity()
    elif sys.argv[1:] == ['setup']:
        setup()
    else:
        sys.exit(__doc__)
