import t from 'tap';
import { openProvider, section } from '../../support/openstack/provider.ts';
import { startOpenstack } from '../../support/openstack/server.ts';
import { startSshServer } from '../../support/ssh-server.ts';
import { driverContract } from '../driver/contract.ts';

t.test('against a small OpenStack and a real SSH server', async (t) => {
  const cloud = await startOpenstack(t);
  const { port } = await startSshServer(t, { address: '0.0.0.0' });
  const labels = [
    { name: 'tiny', 'cloud-image': 'debian', 'flavor-name': 'm1.tiny' },
    { name: 'slow', 'cloud-image': 'silent', 'flavor-name': 'm1.tiny' },
    { name: 'broken', 'cloud-image': 'debian', 'flavor-name': 'm1.broken' },
  ];
  const images = [
    { name: 'debian', username: 'zuul', 'connection-port': port },
    { name: 'silent', 'image-name': 'debian', 'connection-port': 1 }, // nothing listens there
  ];
  await driverContract(t, async (t) => {
    const given = section(
      { 'cloud-images': images, diskimages: [{ name: 'built', meta: { os: 'linux' } }], 'boot-timeout': 60 },
      { labels },
    );
    const opened = openProvider(t, cloud, given);
    t.equal(await opened.settled(), undefined);
    return {
      provider: opened.provider,
      pool: opened.pool,
      label: opened.label('tiny'),
      slowLabel: opened.label('slow'),
      failingLabel: opened.label('broken'),
      namesItself: true,
      imageRemains: (id) =>
        Promise.resolve(cloud.world.images.flatMap((image) => (image.id === id ? [id] : []))),
      remains: (id) =>
        Promise.resolve([
          ...cloud.world.ports.flatMap((port) => (port['device_id'] === id ? [port.id] : [])),
          ...cloud.world.floatingIps.flatMap((ip) => (String(ip['description']).endsWith(id) ? [ip.id] : [])),
        ]),
    };
  });
  t.same(cloud.world.servers, [], 'no server is left');
  t.same(cloud.world.floatingIps, [], 'no floating IP is left');
});
