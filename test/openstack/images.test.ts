/** Images of ours in a real Glance. */
import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { systemClock } from '../../src/clock.ts';
import { silentLogger } from '../../src/log.ts';
import { until } from '../support/poll.ts';
import { providerConfig } from '../support/provider-config.ts';
import { tempDir } from '../support/temp.ts';
import { cloudDriver, openAccount, skip } from '../support/testcloud.ts';

t.setTimeout(0); // The suite's limit applies.

const patient = () => AbortSignal.timeout(120_000);

t.test('an image arrives with the same bytes and our marks, and goes again', { skip }, async (t) => {
  const account = await openAccount(t);
  const driver = cloudDriver(t, (text) =>
    text.replaceAll('region_name:', 'image_format: raw\n    region_name:'),
  );
  const section = {
    name: 'cloud-a',
    cloud: 'testcloud',
    rate: 0,
    diskimages: [{ name: 'built' }],
    pools: [],
  };
  const provider = driver.open(providerConfig(driver, section), {
    log: silentLogger,
    clock: systemClock,
    onChange: () => undefined,
  });
  t.teardown(() => provider.close(patient()));
  const { images } = provider;
  if (!images) throw new TypeError('this driver has images');
  const [wanted] = await until(() => images.wanted().catch(() => undefined), { timeoutMs: 60_000 });
  t.match(wanted, { name: 'built', format: 'raw' });

  const content = randomBytes(20_000_000);
  const file = join(tempDir(t), 'image.raw');
  writeFileSync(file, content);
  const digest = (kind: string) => createHash(kind).update(content).digest('hex');
  const mark = { image: 'built', build: '0'.repeat(32), upload: '0000000001' };
  const spec = {
    mark,
    name: 'built-1700000000',
    file,
    format: 'raw',
    sizeBytes: content.length,
    checksums: { md5: digest('md5'), sha256: digest('sha256') },
    properties: { os_distro: 'debian' },
  };
  const context = {
    signal: patient(),
    log: silentLogger,
    onExternalId: () => Promise.resolve(),
    onProgress: () => undefined,
  };
  const { externalId } = await images.upload(spec, context);
  t.same(await images.list(patient()), [{ externalId, name: spec.name, ...mark }]);
  const [image] = await account.list('image', '/images?name=built-1700000000', 'images');
  t.match(image, {
    id: externalId,
    status: 'active',
    disk_format: 'raw',
    visibility: 'private',
    size: content.length,
    checksum: digest('md5'),
    os_hash_algo: 'sha512',
    os_hash_value: digest('sha512'),
    os_distro: 'debian',
  });

  const wrong = images.upload({ ...spec, checksums: { md5: '0'.repeat(32) } }, context);
  await t.rejects(wrong, { message: /expected 0{32}/ });
  await images.remove(externalId, patient());
  await images.remove(externalId, patient());
  t.same(await account.list('image', '/images?name=built-1700000000', 'images'), []);
});
