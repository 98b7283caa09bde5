import t from 'tap';
import { planBoot, typesToBoot } from '../../../src/cli/boot-image.ts';
import { qemuCommand } from '../../../src/cli/boot-qemu.ts';
import { parseBoot } from '../../../src/cli/boot-words.ts';

t.test('an image is made in a format in which it can be looked at', async (t) => {
  t.same(typesToBoot(true, []), ['tar'], 'a container is the quickest');
  t.same(typesToBoot(true, ['qcow2', 'raw']), ['qcow2', 'raw'], 'what the image is made in anyway');
  t.same(typesToBoot('container', ['qcow2']), ['tar']);
  t.same(typesToBoot('qemu', []), ['qcow2']);
  t.same(typesToBoot('qemu', ['tar']), ['qcow2']);
  t.same(typesToBoot('qemu', ['raw', 'tar']), ['raw', 'tar']);
});

t.test('the way follows from the formats, unless it is named', async (t) => {
  t.same(planBoot(true, ['qcow2', 'tar']), { way: 'container', format: 'tar' });
  t.same(planBoot(true, ['vhd', 'raw']), { way: 'qemu', format: 'raw' });
  t.same(planBoot('qemu', ['tar', 'qcow2']), { way: 'qemu', format: 'qcow2' });
  t.throws(() => planBoot('container', ['raw', 'qcow2']), {
    message: '--boot needs one of the formats tar, found raw, qcow2: name it with --type',
  });
  t.throws(() => planBoot(true, ['vhd']), { message: /tar, qcow2, raw, found vhd/ });
});

t.test('an element is not taken for the way', async (t) => {
  t.equal(parseBoot('container'), 'container');
  t.equal(parseBoot('qemu'), 'qemu');
  t.throws(() => parseBoot('zuul-user'), { message: /expected container or qemu, found zuul-user/ });
});

t.test('the machine has the image, no network, and its console on the terminal', async (t) => {
  const image = { file: '/srv/a,b.qcow2', format: 'qcow2' };
  const slow = qemuCommand(image, { kvm: false }).join(' ');
  t.match(slow, '-drive file=/srv/a,,b.qcow2,format=qcow2,if=virtio,snapshot=on');
  t.match(slow, '-nic none');
  t.match(slow, '-serial mon:stdio');
  t.notMatch(slow, 'kvm');
  t.match(qemuCommand(image, { kvm: true }).join(' '), '-accel kvm -accel tcg');
});
