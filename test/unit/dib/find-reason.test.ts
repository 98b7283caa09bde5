import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { findReason } from '../../../src/dib/build-log.ts';
import { tempDir } from '../../support/temp.ts';

const STAMP = '2026-01-31 12:00:00.123 | ';

async function reasonIn(t: Test, lines: readonly string[]): Promise<string | undefined> {
  const file = join(tempDir(t), 'image.log');
  writeFileSync(file, `${lines.map((line) => STAMP + line).join('\n')}\n`);
  return findReason(file);
}

t.test('the message of a Python program is the reason, not the lines of its source', async (t) => {
  const reason = await reasonIn(t, [
    'Traceback (most recent call last):',
    '  File "/usr/lib/python3/dist-packages/diskimage_builder/element_dependencies.py", line 143, in expand',
    `    raise MissingElementException("Element '%s' not found" % element)`,
    `diskimage_builder.element_dependencies.MissingElementException: Element 'x' not found`,
  ]);
  t.equal(reason, `diskimage_builder.element_dependencies.MissingElementException: Element 'x' not found`);
});

t.test('what a command that was run as root has printed is the reason', async (t) => {
  const reason = await reasonIn(t, [
    'DEBUG diskimage_builder.block_device.utils [-] exec_sudo:  exec_sudo /usr/lib/utils.py:135',
    'DEBUG diskimage_builder.block_device.utils [-] exec_sudo: Total journal size too big for filesystem. exec_sudo /usr/lib/utils.py:135',
    'ERROR diskimage_builder.block_device.blockdevice [-] Create failed; rollback initiated',
    'Traceback (most recent call last):',
    '    exec_sudo(cmd)',
    'diskimage_builder.block_device.exception.BlockDeviceSetupException: exec_sudo failed',
  ]);
  t.equal(reason, 'Total journal size too big for filesystem.');
});

t.test('shell traces and the harmless words of sudo are no reasons', async (t) => {
  const reason = await reasonIn(t, [
    "+ echo 'error: only shown by the trace'",
    'error: there is no file /var/lib/nodepool/.ssh/zuul_rsa.pub',
    'sudo: unable to resolve host builder: Name or service not known',
    'E: Can not write log (Is /dev/pts mounted?) - posix_openpt (19: No such device)',
    'cleaning up, cannot be bothered',
  ]);
  t.equal(reason, 'error: there is no file /var/lib/nodepool/.ssh/zuul_rsa.pub');
});

t.test('what diskimage-builder says while it cleans up is no reason', async (t) => {
  const reason = await reasonIn(t, [
    'No source for a base image file configured.',
    'See rhel element readme for details on how to obtain and use a base image.',
    "DEBUG diskimage_builder.block_device.blockdevice [-] Params [{'config': '/tmp/x'}] __init__ /usr/lib/x.py:232",
    'INFO diskimage_builder.block_device.blockdevice [-] State already cleaned - no way to do anything here',
  ]);
  t.equal(reason, 'No source for a base image file configured.');
});

t.test('where nothing speaks of trouble, the last line is all there is to say', async (t) => {
  t.equal(await reasonIn(t, ['one', 'two']), 'two');
  t.equal(await reasonIn(t, ['']), undefined);
});
