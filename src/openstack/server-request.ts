/** The body of `POST /servers`. */
import type { Network } from './addresses.ts';
import type { Flavor } from './flavors.ts';
import type { LabelOptions } from './options.ts';
import type { Section } from './section.ts';

export interface ServerPlan {
  name: string;
  flavor: Flavor;
  imageId: string;
  configDrive: boolean;
  label: LabelOptions;
  securityGroups: readonly string[];
  zone: string | undefined;
  metadata: Readonly<Record<string, string>>;
  /** Those of the label. */
  networks: readonly Pick<Network, 'id'>[];
  /** Without networks of its own, Nova is to choose (microversion 2.37). */
  automaticNetwork: boolean;
}

export function serverRequest(plan: ServerPlan): Section {
  const { label, networks } = plan;
  return {
    name: plan.name,
    flavorRef: plan.flavor.id,
    imageRef: label.bootFromVolume ? '' : plan.imageId,
    min_count: 1,
    max_count: 1,
    metadata: plan.metadata,
    ...(plan.zone === undefined ? {} : { availability_zone: plan.zone }),
    ...(label.keyName === undefined ? {} : { key_name: label.keyName }),
    ...(plan.configDrive ? { config_drive: true } : {}),
    ...(plan.securityGroups.length === 0
      ? {}
      : { security_groups: plan.securityGroups.map((name) => ({ name })) }),
    ...(networks.length > 0
      ? { networks: networks.map(({ id }) => ({ uuid: id })) }
      : plan.automaticNetwork
        ? { networks: 'auto' }
        : {}),
    ...(label.userdata === undefined ? {} : { user_data: Buffer.from(label.userdata).toString('base64') }),
    ...(label.bootFromVolume ? { block_device_mapping_v2: [bootVolume(plan)] } : {}),
  };
}

function bootVolume({ imageId, label }: ServerPlan): Section {
  return {
    boot_index: '0',
    delete_on_termination: true,
    destination_type: 'volume',
    source_type: 'image',
    uuid: imageId,
    volume_size: String(label.volumeSize),
    ...(label.volumeType === undefined ? {} : { volume_type: label.volumeType }),
  };
}
