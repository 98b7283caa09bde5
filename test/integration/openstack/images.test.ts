import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { UploadContext, UploadSpec } from '../../../src/driver/images.ts';
import { silentLogger } from '../../../src/log.ts';
import { makeUpload } from '../../../src/model/image.ts';
import { startTestLauncher } from '../../support/launcher.ts';
import { openProvider, section, testDriver } from '../../support/openstack/provider.ts';
import { startOpenstack, type Asked, type TestOpenstack } from '../../support/openstack/server.ts';
import { tempDir } from '../../support/temp.ts';

const never = new AbortController().signal;
const CONTENT = Buffer.alloc(3_000_000, 'what an image holds');
const md5 = createHash('md5').update(CONTENT).digest('hex');
const isData = ({ path }: Asked) => path.endsWith('/file');

function makeSpec(t: Test, changes: Partial<UploadSpec> = {}): UploadSpec {
  const file = join(tempDir(t), 'image.raw');
  writeFileSync(file, CONTENT);
  return {
    mark: { image: 'built', build: '0'.repeat(32), upload: '0000000003' },
    name: 'built-1700000000',
    file,
    format: 'raw',
    sizeBytes: CONTENT.length,
    checksums: { md5 },
    properties: { os: 'linux', min_disk: '4', protected: 'false' },
    ...changes,
  };
}

const context = (changes: Partial<UploadContext> = {}): UploadContext => ({
  signal: never,
  log: silentLogger,
  onExternalId: () => Promise.resolve(),
  onProgress: () => undefined,
  ...changes,
});

async function openImages(t: Test, cloud: TestOpenstack) {
  const opened = openProvider(
    t,
    cloud,
    section({ diskimages: [{ name: 'built', pause: true, meta: { a: 1 } }] }),
  );
  await opened.settled();
  const { images } = opened.provider;
  if (!images) throw new TypeError('this driver has images');
  return { ...opened, images };
}

const ours = ({ world }: TestOpenstack) => world.images.filter(({ name }) => name === 'built-1700000000');

t.test('what is uploaded has the bytes, the format and the properties that are wanted', async (t) => {
  const cloud = await startOpenstack(t);
  cloud.writeClouds({ image_format: 'raw', disable_vendor_agent: { vendor_agent: 'off' } });
  const { images } = await openImages(t, cloud);
  t.same(await images.wanted(), [{ name: 'built', format: 'raw', pause: true, meta: { a: '1' } }]);
  let sent = 0;
  const { externalId } = await images.upload(makeSpec(t), context({ onProgress: (bytes) => (sent = bytes) }));
  t.equal(sent, CONTENT.length);
  t.ok(cloud.world.imageData.get(externalId)?.equals(CONTENT), 'the same bytes');
  const [image] = ours(cloud);
  t.match(image, {
    disk_format: 'raw',
    container_format: 'bare',
    visibility: 'private',
    os: 'linux',
    min_disk: 4,
    protected: false,
    vendor_agent: 'off',
    nodepool_provider_name: 'cloud-a',
    nodepool_build_id: '0'.repeat(32),
    nodepool_upload_id: '0000000003',
    nodepool_diskimage: 'built',
    'owner_specified.openstack.md5': md5,
    'owner_specified.openstack.sha256': '',
    'owner_specified.openstack.object': 'images/built-1700000000',
  });
});

t.test('an upload that breaks off leaves no image', async (t) => {
  const cloud = await startOpenstack(t);
  const { images } = await openImages(t, cloud);
  cloud.fault = (call) => (isData(call) ? 'reset' : undefined);
  await t.rejects(images.upload(makeSpec(t), context()), { message: /image PUT .*connection/ });
  t.same(ours(cloud), []);
});

t.test('a service that fails after the last byte leaves no image', async (t) => {
  const cloud = await startOpenstack(t);
  const { images } = await openImages(t, cloud);
  cloud.fault = (call) =>
    isData(call) && call.body !== undefined ? { status: 500, body: 'no space' } : undefined;
  await t.rejects(images.upload(makeSpec(t), context()), { message: /image PUT .*500 no space/ });
  t.same(ours(cloud), []);
});

t.test('an image that arrives with other bytes is refused and removed', async (t) => {
  const cloud = await startOpenstack(t);
  const { images } = await openImages(t, cloud);
  cloud.fault = ({ method, path }) => {
    const [image] = ours(cloud);
    if (method !== 'GET' || path !== `/image/v2/images/${image?.id}`) return undefined;
    return { status: 200, body: { ...image, checksum: 'f'.repeat(32) } };
  };
  await t.rejects(images.upload(makeSpec(t), context()), {
    message: /arrived with MD5 f{32}, expected [0-9a-f]{32}/,
  });
  t.same(ours(cloud), []);
});

t.test('a file whose SHA-256 alone is known is checked by it', async (t) => {
  const cloud = await startOpenstack(t);
  const { images } = await openImages(t, cloud);
  const sha256 = createHash('sha256').update(CONTENT).digest('hex');
  await images.upload(makeSpec(t, { checksums: { sha256 } }), context());
  const wrong = images.upload(makeSpec(t, { checksums: { sha256: '1'.repeat(64) } }), context());
  await t.rejects(wrong, { message: /sent with SHA-256 [0-9a-f]{64}, expected 1{64}/ });
  t.equal(ours(cloud).length, 1);
});

t.test('an image that Glance gives up is refused and removed', async (t) => {
  const cloud = await startOpenstack(t);
  const { images } = await openImages(t, cloud);
  cloud.fault = ({ method, path }) =>
    method === 'GET' && /images\/aaaaaaaa-1111/.test(path)
      ? { status: 200, body: { id: 'x', status: 'killed' } }
      : undefined;
  await t.rejects(images.upload(makeSpec(t), context()), {
    message: /is killed after its upload, expected active/,
  });
  t.same(ours(cloud), []);
});

t.test('an image in use is told apart from other refusals', async (t) => {
  const cloud = await startOpenstack(t);
  const { images } = await openImages(t, cloud);
  cloud.fault = ({ method }) =>
    method === 'DELETE' ? { status: 409, body: '<html>Image x is in use</html>' } : undefined;
  await t.rejects(images.remove('x', never), { name: 'ImageInUseError', message: /in use/ });
  cloud.fault = ({ method }) => (method === 'DELETE' ? { status: 403, body: 'protected' } : undefined);
  await t.rejects(images.remove('x', never), { name: 'ServiceError', status: 403 });
});

t.test('images of others, Nodepool itself included, are not listed as ours', async (t) => {
  const cloud = await startOpenstack(t);
  const { images } = await openImages(t, cloud);
  const theirs = { nodepool_provider_name: 'cloud-a', nodepool_build_id: 'b', nodepool_upload_id: '1' };
  cloud.world.images.push({ id: 'theirs', name: 'old-1', status: 'active', ...theirs });
  cloud.world.images.push({
    id: 'other',
    name: 'x',
    status: 'active',
    nodepool_diskimage: 'built',
    nodepool_provider_name: 'cloud-b',
  });
  t.same(await images.list(never), []);
});

t.test('a label with a diskimage waits for its upload and boots the newest ready one', async (t) => {
  const cloud = await startOpenstack(t);
  const yaml = `
labels: [{name: vm}]
diskimages: [{name: built, elements: [vm]}]
providers:
  - name: cloud-a
    cloud: main
    rate: 0
    diskimages: [{name: built, config-drive: true, connection-port: 2200}]
    pools:
      - name: main
        networks: [private]
        host-key-checking: false
        labels: [{name: vm, diskimage: built, min-ram: 1024}]
`;
  const launcher = await startTestLauncher(t, yaml, { drivers: [testDriver(cloud)], waitMs: 60_000 });
  const status = await launcher.wait(() =>
    [...launcher.pools.entries.values()].find(({ value }) => /no image built/.test(value.unhealthy ?? '')),
  );
  t.equal(status.value.unhealthy, 'no image built is ready in cloud-a yet');
  t.match(await launcher.outcome((await launcher.request(['vm'])).id), { value: { state: 'failed' } });

  const [old, newest] = ['aaaaaaaa-0000-0000-0000-000000000001', 'aaaaaaaa-0000-0000-0000-000000000002'];
  const upload = (externalId: string, stateTimeS: number, state: 'ready' | 'uploading' = 'ready') =>
    launcher.zuul.uploads.create(
      makeUpload({ state, stateTimeS, externalId, username: 'builder', pythonPath: '/usr/bin/python3' }),
      { prefix: `built/${'0'.repeat(32)}/cloud-a/` },
    );
  const { id } = await upload(newest ?? '', 200);
  await upload(old ?? '', 100);
  await upload('unfinished', 300, 'uploading');
  await launcher.wait(() =>
    [...launcher.pools.entries.values()].every(({ value }) => value.unhealthy === null),
  );
  const { nodes, finish } = await launcher.use((await launcher.fulfilled(['vm'])).id);
  t.match(nodes[0]?.value, {
    username: 'builder',
    pythonPath: '/usr/bin/python3',
    connectionPort: 2200,
    imageId: `/nodepool/images/built/builds/${'0'.repeat(32)}/providers/cloud-a/images/${id.split('/').at(-1)}`,
  });
  const created = cloud.asked.find(({ method, path }) => method === 'POST' && path.endsWith('/servers'));
  t.match(created?.body, { server: { imageRef: newest, config_drive: true } });
  await finish();
  await launcher.wait(() => launcher.nodes.entries.size === 0);
});
