/** Clouds that are sold to everybody, for `profile: NAME` in clouds.yaml; as the OpenStack SDK describes them. */
import type { Section } from './section.ts';

export const PROFILES: Section = {
  catalyst: {
    auth: { auth_url: 'https://api.cloud.catalyst.net.nz:5000/v3' },
    regions: ['nz-por-1', 'nz_wlg_2'],
    image_format: 'raw',
  },
  citycloud: {
    auth: { auth_url: 'https://{region_name}.citycloud.com:5000/v3/' },
    regions: ['Buf1', 'La1', 'Fra1', 'Lon1', 'Sto2', 'Kna1', 'dx1', 'tky1'],
  },
  elastx: { auth: { auth_url: 'https://ops.elastx.cloud:5000/v3' }, regions: ['se-sto'] },
  limestonenetworks: {
    auth: { auth_url: 'https://auth.cloud.lstn.net:5000/v3' },
    regions: ['us-dfw-1', 'us-slc'],
    image_format: 'raw',
  },
  ovh: {
    auth: { auth_url: 'https://auth.cloud.ovh.net/' },
    regions: ['BHS1', 'GRA1', 'SBG1'],
    image_format: 'raw',
  },
  switchengines: {
    auth: { auth_url: 'https://keystone.cloud.switch.ch:5000/v3' },
    regions: ['LS', 'ZH'],
  },
  vexxhost: {
    auth: { auth_url: 'https://auth.vexxhost.net/v3' },
    regions: ['ca-ymq-1', 'sjc1'],
    dns_api_version: '1',
    identity_api_version: '3',
    image_format: 'raw',
  },
};
