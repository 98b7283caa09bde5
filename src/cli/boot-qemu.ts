/** A machine that boots a disk image which was built, with its serial console on the terminal. */
import { spawn } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { waitFor } from './boot-process.ts';
import { say } from './print.ts';
import type { Tools } from './verb.ts';

export const QEMU = 'qemu-system-x86_64';
export const QEMU_PACKAGE = 'qemu-system-x86';

export interface DiskImage {
  /** `out/debian.qcow2` */
  file: string;
  format: string;
}

/** Returns the exit code of QEMU, 0 when the machine was switched off. Nothing is written to the image. */
export async function bootQemu(tools: Tools, image: DiskImage): Promise<number> {
  const { io, signal } = tools;
  const command = qemuCommand(image, { kvm: canVirtualize() && isWritable('/dev/kvm') });
  say(tools, command.map((word) => (/[^\w./,:=+-]/.test(word) ? `'${word}'` : word)).join(' '));
  say(tools, 'Ctrl-A X ends the machine, Ctrl-A H has help; what you change is gone when it ends');
  signal.throwIfAborted();
  // Should nodepool be killed, the machine ends too.
  const child = spawn('setpriv', ['--pdeathsig', 'TERM', ...command], { stdio: 'inherit', env: io.env });
  const stop = () => child.kill('SIGTERM');
  return await waitFor(child, { program: 'setpriv', debian: 'util-linux' }, { signal, stop });
}

/** No network, no screen. Where the processor cannot help (`kvm`), it takes minutes instead of seconds. */
export function qemuCommand({ file, format }: DiskImage, { kvm }: { kvm: boolean }): string[] {
  return [
    QEMU,
    ...(kvm ? ['-accel', 'kvm'] : []),
    ...['-accel', 'tcg', '-cpu', 'max', '-smp', '2', '-m', '1024'],
    ...['-drive', `file=${file.replaceAll(',', ',,')},format=${format},if=virtio,snapshot=on`],
    ...['-nic', 'none', '-device', 'virtio-rng-pci', '-no-reboot'],
    ...['-display', 'none', '-serial', 'mon:stdio'],
  ];
}

/**
 * KVM can be there without the processor's help too (PVM, in machines that are virtual themselves). It runs kernels; boot loaders
 * stop at instructions of real mode that it does not know, and the machine with them, without a word.
 */
function canVirtualize(): boolean {
  return /^flags\s*:.* (vmx|svm)( |$)/m.test(readFileSync('/proc/cpuinfo', 'latin1'));
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
