import { parseBoot } from '../boot-words.ts';
import type { Verb } from '../verb.ts';

export const imageVerbs: readonly Verb[] = [
  {
    name: 'image-build',
    group: 'Images',
    summary: 'build an image now',
    description:
      'Asks the builder for a new build of a diskimage, whatever its age. With --wait it shows the log of the build, where ' +
      'that can be read on this machine, and returns when the build is ready (exit code 0) or has failed (1, with the ' +
      'reason). A failed build is tried again by the builder, less and less often.',
    arguments: '<image>',
    options: [{ flags: '--wait', description: 'wait for the build, showing its log' }],
    examples: [
      ['image-build debian-12', 'the builder begins within a second'],
      ['image-build debian-12 --wait', 'shows the log, ends with the build'],
    ],
    load: () => import('../image-build.ts'),
  },
  {
    name: 'image-local',
    group: 'Images',
    summary: 'build an image here, without a builder',
    description:
      'Builds a configured diskimage, or one of the given elements, with the diskimage-builder of this machine, to try elements ' +
      'out. Elements are looked for in a config repository, in ELEMENTS_PATH, in elements-dir, and among those that come with ' +
      'nodepool. Programs and files that are missing are all named before anything is built. The exit code is that of ' +
      'disk-image-create. With --boot you look at the result: in a shell in a container (format tar, which is made where none is ' +
      'named), or on the serial console of a machine (qcow2, raw). What you change there is gone when it ends.',
    arguments: '<element...>',
    options: [
      {
        flags: '--output <name>',
        description: 'file to make, without extension (default: the name of the image)',
      },
      {
        flags: '--type <types>',
        description: 'formats, such as tar,raw (default: those of the image, or qcow2)',
      },
      {
        flags: '--boot [way]',
        description:
          'look at the image when it is ready: container or qemu (default: what its formats allow)',
        parse: parseBoot,
      },
      { flags: '--config-repo <dir>', description: 'a config repository whose elements come first' },
    ],
    examples: [
      ['image-local zuul-user --output test', 'test.qcow2: Debian with the user zuul'],
      [
        'image-local debian-12 --config-repo ~/config',
        'the configured image, with elements as they are being written',
      ],
      ['image-local zuul-user --boot', 'a shell in a container of the image'],
      ['image-local debian-12 nodepool-minimal --boot=qemu', 'the serial console of a machine that boots it'],
    ],
    load: () => import('../image-local.ts'),
  },
  {
    name: 'dib-image-list',
    group: 'Images',
    summary: 'list the builds of images',
    description:
      'Lists what builders have built, are building or failed to build, with the reason of a failure.',
    examples: [
      ['dib-image-list', 'builds, their formats and states'],
      ['dib-image-list --format json', 'for programs'],
    ],
    load: () => import('../dib-image-list.ts'),
  },
  {
    name: 'image-list',
    group: 'Images',
    summary: 'list the uploads of images',
    description: 'Lists which build is in which provider, how far uploads are and why they failed.',
    examples: [
      ['image-list', 'uploads and their states'],
      ['image-list --format json', 'for programs'],
    ],
    load: () => import('../image-list.ts'),
  },
  {
    name: 'image-status',
    group: 'Images',
    summary: 'show which images are paused, asked for or being built',
    description:
      'Shows for each image whether it is paused, and whether a build was asked for and is running.',
    examples: [['image-status', 'one line for each image']],
    load: () => import('../image-status.ts'),
  },
  {
    name: 'dib-image-delete',
    group: 'Images',
    summary: 'delete builds',
    description:
      'Marks builds, as dib-image-list names them, for removal: the builder removes their uploads, then the files. A build ' +
      'in progress is refused. When it was the newest one, the builder soon builds another; pause the image to prevent that.',
    arguments: '<build...>',
    examples: [
      ['dib-image-delete debian-12-0123456789abcdef0123456789abcdef', 'a broken build goes everywhere'],
    ],
    load: () => import('../dib-image-delete.ts'),
  },
  {
    name: 'image-delete',
    group: 'Images',
    summary: 'delete an upload',
    description:
      'Marks one upload, as image-list shows it, for removal from its provider. An upload in progress is refused. When it was ' +
      'that of the newest build, the builder uploads it again.',
    options: [
      { flags: '--provider <name>', description: 'provider' },
      { flags: '--image <name>', description: 'diskimage' },
      { flags: '--build-id <id>', description: 'build' },
      { flags: '--upload-id <id>', description: 'upload' },
    ],
    examples: [
      [
        'image-delete --provider cloud --image debian-12 --build-id 0123456789abcdef0123456789abcdef --upload-id 0000000003',
        'one image in one provider goes',
      ],
    ],
    load: () => import('../image-delete.ts'),
  },
  {
    name: 'image-pause',
    group: 'Images',
    summary: 'stop building an image',
    description:
      'No builds of the image until image-unpause, neither by age nor on request. Uploads and clean-up go on.',
    arguments: '<image>',
    examples: [['image-pause debian-12', 'the present builds stay in use']],
    load: () => import('../image-pause.ts'),
  },
  {
    name: 'image-unpause',
    group: 'Images',
    summary: 'build it again',
    description: 'Ends what image-pause began.',
    arguments: '<image>',
    examples: [['image-unpause debian-12', 'built when it is due']],
    load: () => import('../image-unpause.ts'),
  },
  {
    name: 'alien-image-list',
    group: 'Images',
    summary: 'list images in providers that nothing accounts for',
    description:
      'Asks every provider that takes images for those with the mark of a builder, and lists the ones without an upload in ' +
      'the store. They are never deleted by themselves. Exit code 1 when a provider did not answer.',
    arguments: '[provider]',
    examples: [['alien-image-list', 'left by a store that was lost, for instance']],
    load: () => import('../alien-image-list.ts'),
  },
  {
    name: 'export-image-data',
    group: 'Images',
    summary: 'save the records of images in a file',
    description:
      'Writes builds, uploads and pauses to a file, for import-image-data: before a store is replaced.',
    arguments: '<file>',
    examples: [['export-image-data /root/images.json', 'a JSON object that only its owner can read']],
    load: () => import('../export-image-data.ts'),
  },
  {
    name: 'import-image-data',
    group: 'Images',
    summary: 'restore the records of images from a file',
    description:
      'Restores what export-image-data wrote, also that of another nodepool. Stop the builders first. A file with a mistake ' +
      'changes nothing.',
    arguments: '<file>',
    examples: [['import-image-data /root/images.json', 'the launcher finds its images again']],
    load: () => import('../import-image-data.ts'),
  },
];
