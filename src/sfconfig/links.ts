/** Symbolic links that let Ansible find the collection, and root run playbooks without options. */
import { lstat, mkdir, readlink, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Context } from './run.ts';

/** Answers what people should know. */
export async function linkFiles({ share, places, io }: Context): Promise<string[]> {
  await linkCollection(share, places.collections);
  const own = join(io.env.HOME ?? '/root', '.ansible.cfg');
  if (await isRegularFile(own)) {
    return [`${own} is there already; playbooks run by hand need ANSIBLE_CONFIG=${places.ansibleConfig}`];
  }
  await link(places.ansibleConfig, own);
  return [];
}

export async function linkCollection(share: string, collections: string): Promise<void> {
  await link(share, join(collections, 'ansible_collections/softwarefactory/nodepool'));
}

async function link(target: string, path: string): Promise<void> {
  if ((await readlink(path).catch(() => undefined)) === target) return;
  await mkdir(dirname(path), { recursive: true });
  const fresh = `${path}.new-${process.pid}`;
  await rm(fresh, { force: true });
  await symlink(target, fresh);
  await rename(fresh, path);
}

async function isRegularFile(path: string): Promise<boolean> {
  return lstat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}
