/** What sfconfig puts into the config repository: some files it owns, and first versions of others. */
import type { Arch } from './arch.ts';
import { PROVIDER_FILE, renderProviderFile } from './provider-file.ts';

/** Written at every run. */
export function ownedFiles(arch: Arch): Record<string, string> {
  return {
    [PROVIDER_FILE]: renderProviderFile(arch),
    'nodepool/runC/_linters-packages.yaml': LINTERS,
  };
}

/** Written where they are missing; from then on they are the operator's. */
export function firstFiles(): Record<string, string> {
  return {
    'nodepool/nodepool.yaml': NODEPOOL,
    'nodepool/runC/customize.yaml': CUSTOMIZE,
    'nodepool/elements/README.md': ELEMENTS,
    'nodepool/virt_images/README.md': VIRT_IMAGES,
  };
}

const NODEPOOL = `# Labels, providers and diskimages of this installation. Other files beside this one are merged with it.
#
# diskimages:
#   - name: debian-12
#     elements: [debian-minimal, nodepool-minimal, zuul-user]
# labels:
#   - name: debian-12
# providers:
#   - name: my-cloud
#     cloud: my-cloud # as in clouds.yaml
#     driver: openstack
#     diskimages:
#       - name: debian-12
#     pools:
#       - name: main
#         max-servers: 5
#         labels:
#           - name: debian-12
#             diskimage: debian-12
#             min-ram: 4096
`;

const LINTERS = `---
# Managed by sfconfig, do not edit; customize.yaml includes it.
- name: Install linters
  ansible.builtin.package:
    name:
      - yamllint
      - python3-flake8
    state: present
`;

const CUSTOMIZE = `---
# Tasks for every hypervisor. What they install there is available in its containers.
# - name: Install linters
#   ansible.builtin.include_tasks: _linters-packages.yaml
[]
`;

const ELEMENTS = `Elements for disk-image-create; a directory here is found by its name in "elements" of a diskimage.
`;

const VIRT_IMAGES = `Playbooks for images with the command dib-virt-customize.
`;
