/** What a directory provider section may say. */
import type { ProviderConfig } from '../config/config.ts';
import { port, providerSchema, stringOrStrings, text } from '../config/schema.ts';
import type { ReportProblem } from '../driver/driver.ts';
import { IMAGE_PROVIDER_KEYS } from '../driver/images.ts';
import {
  checkHostKeys,
  readHostKeys,
  readRootLogin,
  ROOT_LOGIN_KEYS,
  type RootLogin,
} from '../driver/root-login.ts';

/** What is neither a separator in the options of a mount nor needs quoting: containers mount these paths. */
const PLAIN = '[\\w.+/-]+';
const PLAIN_NAME = /^[A-Za-z0-9][\w.+-]*$/;

export const directorySchema = providerSchema({
  provider: {
    ...IMAGE_PROVIDER_KEYS,
    path: { type: 'string', pattern: `^/${PLAIN}$`, expected: 'an absolute path of plain characters' },
    'image-format': {
      type: 'string',
      pattern: '^[a-z0-9]+$',
      default: 'tar',
      expected: 'tar, or another format of diskimage-builder',
    },
    host: text,
    'ssh-port': port,
    'host-key': stringOrStrings,
    ...ROOT_LOGIN_KEYS,
  },
  requires: { provider: ['path'] },
});

export interface DirectoryOptions {
  /** `/srv/images`, without a `/` at its end. */
  path: string;
  /** `tar`: images become directories with a root file system. */
  format: string;
  /** Undefined: this machine. */
  host: (RootLogin & { name: string; port: number; hostKeys: readonly string[] }) | undefined;
}

export function readDirectoryOptions({ options }: Pick<ProviderConfig, 'options'>): DirectoryOptions {
  const host = options['host'] as string | undefined;
  return {
    path: (options['path'] as string).replace(/\/+$/, ''),
    format: options['image-format'] as string,
    host:
      host === undefined
        ? undefined
        : {
            name: host,
            port: (options['ssh-port'] as number | undefined) ?? 22,
            hostKeys: readHostKeys(options),
            ...readRootLogin(options),
          },
  };
}

/** Names of images become names of files here, and two providers must not take each other's for their own. */
export function checkDirectory(
  section: ProviderConfig,
  report: ReportProblem,
  earlier: readonly ProviderConfig[],
): void {
  const images = (section.options['diskimages'] ?? []) as readonly { name: string }[];
  images.forEach(({ name }, i) => {
    if (!PLAIN_NAME.test(name))
      report(`diskimages[${i}].name`, 'a name of letters, digits, "_", ".", "+" and "-"', `"${name}"`);
  });
  checkHostKeys(section.options, 'host-key', report);
  const place = placeOf(section);
  if (earlier.some((other) => placeOf(other) === place))
    report('path', 'a directory of its own on each host', `${place}, which an earlier provider has too`);
}

function placeOf(section: ProviderConfig): string {
  const { path, host } = readDirectoryOptions(section);
  return host === undefined ? path : `${host.name}:${host.port}:${path}`;
}
