/** What an openstack provider section may say. */
import {
  delaySeconds,
  flag,
  integer,
  list,
  mapping,
  pathName,
  port,
  positiveInteger,
  providerSchema,
  section,
  text,
  texts,
  type Properties,
  type Schema,
} from '../config/schema.ts';
import { diskimagesKey, IMAGE_PROVIDER_KEYS } from '../driver/images.ts';

/** Upstream takes whatever Python's float() does: numbers, and texts of numbers. */
const rate: Schema = {
  anyOf: [
    { type: 'number', minimum: 0 },
    { type: 'string', pattern: '^[0-9]+([.][0-9]*)?$' },
  ],
  expected: 'a number of seconds between calls (0 for no limit)',
};
const connection: Properties = {
  'config-drive': flag,
  'connection-type': text,
  'connection-port': port,
};

export const openstackSchema = providerSchema({
  provider: {
    cloud: text,
    'region-name': text,
    rate,
    'hostname-format': text,
    'clean-floating-ips': flag,
    'port-cleanup-interval': delaySeconds,
    'nodepool-id': { anyOf: [text, { type: 'null' }], expected: 'a string' },
    ...IMAGE_PROVIDER_KEYS,
    diskimages: diskimagesKey(connection),
    'cloud-images': list(
      section(
        {
          name: pathName,
          'image-id': text,
          'image-name': text,
          username: text,
          'python-path': text,
          'shell-type': text,
          ...connection,
        },
        ['name'],
      ),
    ),
  },
  pool: {
    'availability-zones': texts,
    networks: texts,
    'security-groups': texts,
    'auto-floating-ip': flag,
  },
  label: {
    diskimage: text,
    'cloud-image': text,
    'min-ram': integer,
    'flavor-name': text,
    'key-name': text,
    'console-log': flag,
    'boot-from-volume': flag,
    'volume-size': positiveInteger,
    'volume-type': text,
    'instance-properties': mapping,
    'dynamic-instance-properties': mapping,
    userdata: text,
    networks: texts,
    'host-key-checking': flag,
  },
  requires: { provider: ['cloud'] },
});
