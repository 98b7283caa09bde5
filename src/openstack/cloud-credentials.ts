/** Who a cloud of clouds.yaml is used as, and where that is checked. */
import { CloudError } from './errors.ts';
import { asSection, readText, type Place, type Section } from './section.ts';

/** The body of `POST /v3/auth/tokens`, but for its frame. Never logged. */
export interface Credentials {
  identity: Section;
  /** Missing for application credentials, whose project is fixed. */
  scope?: Section;
}

export function readAuthUrl(entry: Section, region: string | undefined, at: Place): string {
  const given = readText(asSection(entry['auth'])?.['auth_url']);
  if (given === undefined)
    throw new CloudError(`${at('auth.auth_url')}: expected the URL of Keystone, found nothing`);
  const url = given.replaceAll('{region_name}', region ?? '').replace(/\/+$/, '');
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new CloudError(
      `${at('auth.auth_url')}: expected an http or https URL, found ${JSON.stringify(given)}`,
    );
  }
  const base = url.replace(/\/v2\.0$/, '');
  return /\/v3$/.test(base) ? base : `${base}/v3`;
}

/** Keystone API v3: `identity` and `scope` of the authentication request. */
export function readCredentials(entry: Section, at: Place): Credentials {
  const auth = spellings(asSection(entry['auth']) ?? {});
  const type =
    readText(entry['auth_type']) ??
    (auth('application_credential_secret') ? 'v3applicationcredential' : 'password');
  const need = (...keys: string[]): string => {
    const value = keys.map(auth).find((found) => found !== undefined);
    if (value === undefined)
      throw new CloudError(`${at(`auth.${keys[0] ?? ''}`)}: expected a value, found nothing`);
    return value;
  };
  const user = (): Section => {
    const id = auth('user_id');
    return id === undefined ? { name: need('username'), domain: domainOf(auth, 'user') } : { id };
  };
  switch (type) {
    case 'v3applicationcredential': {
      const secret = need('application_credential_secret');
      const id = auth('application_credential_id');
      const which = id
        ? { id }
        : { name: need('application_credential_id', 'application_credential_name'), user: user() };
      return {
        identity: { methods: ['application_credential'], application_credential: { ...which, secret } },
      };
    }
    case 'password':
    case 'v3password': {
      const password = { user: { ...user(), password: need('password') } };
      return withScope({ identity: { methods: ['password'], password } }, auth, at);
    }
    case 'token':
    case 'v3token':
      return withScope({ identity: { methods: ['token'], token: { id: need('token') } } }, auth, at);
    default:
      throw new CloudError(
        `${at('auth_type')}: expected password, token or v3applicationcredential, found ${JSON.stringify(type)}`,
      );
  }
}

type Lookup = (key: string) => string | undefined;

/** Old and alternative spellings of the keys of `auth`. */
function spellings(auth: Section): Lookup {
  const others: Readonly<Record<string, string>> = {
    project_name: 'tenant_name',
    project_id: 'tenant_id',
    username: 'user_name',
  };
  return (key) =>
    readText(auth[key]) ?? readText(auth[key.replaceAll('_', '-')]) ?? readText(auth[others[key] ?? '']);
}

function domainOf(auth: Lookup, of: 'user' | 'project'): Section {
  const id = auth(`${of}_domain_id`) ?? (auth(`${of}_domain_name`) ? undefined : auth('domain_id'));
  if (id !== undefined) return { id };
  const name = auth(`${of}_domain_name`) ?? auth('domain_name');
  const fallback = auth('default_domain_name') ?? auth('default_domain');
  if (name !== undefined || fallback !== undefined) return { name: name ?? fallback };
  return { id: auth('default_domain_id') ?? 'default' };
}

function withScope({ identity }: Credentials, auth: Lookup, at: Place): Credentials {
  const id = auth('project_id');
  if (id !== undefined) return { identity, scope: { project: { id } } };
  const name = auth('project_name');
  if (name === undefined)
    throw new CloudError(`${at('auth.project_name')}: expected the name of a project, found nothing`);
  return { identity, scope: { project: { name, domain: domainOf(auth, 'project') } } };
}
