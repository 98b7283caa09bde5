/** What the environment says about traces, by the names that OpenTelemetry has given. Loads nothing of it. */

export interface TracingSettings {
  /** Where spans are sent: `http://collector:4318/v1/traces`. */
  url: string;
  serviceName: string;
}

const DEFAULT_ENDPOINT = 'http://localhost:4318';
const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
];

/**
 * Undefined: no traces. They are switched on by naming an endpoint or by OTEL_TRACES_EXPORTER=otlp. Throws TypeError for
 * what cannot be meant.
 */
export function tracingFrom(env: NodeJS.ProcessEnv): TracingSettings | undefined {
  if (env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true') return undefined;
  const exporter = env['OTEL_TRACES_EXPORTER'] ?? '';
  const isNamed = !!env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] || !!env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  if (exporter === 'none' || (exporter === '' && !isNamed)) return undefined;
  checkOneOf(env, 'OTEL_TRACES_EXPORTER', ['otlp', 'none']);
  checkOneOf(env, 'OTEL_TRACES_SAMPLER', SAMPLERS);
  for (const name of ['OTEL_EXPORTER_OTLP_PROTOCOL', 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'])
    checkOneOf(env, name, ['http/json', 'http/protobuf'], ' (JSON is sent, by HTTP, usually to port 4318)');
  return { url: readUrl(env), serviceName: env['OTEL_SERVICE_NAME'] || 'nodepool-launcher' };
}

function checkOneOf(env: NodeJS.ProcessEnv, name: string, known: readonly string[], more = ''): void {
  const given = env[name] ?? '';
  if (given !== '' && !known.includes(given))
    throw new TypeError(`${name}: expected ${known.join(' or ')}${more}, found "${given}"`);
}

/** The endpoint for traces is taken as it is; below the one for everything they have a path of their own. */
function readUrl(env: NodeJS.ProcessEnv): string {
  const own = env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'];
  if (own) return checkUrl('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', own).href;
  const base = env['OTEL_EXPORTER_OTLP_ENDPOINT'] || DEFAULT_ENDPOINT;
  const url = checkUrl('OTEL_EXPORTER_OTLP_ENDPOINT', base);
  url.pathname = `${url.pathname.replace(/\/$/, '')}/v1/traces`;
  return url.href;
}

function checkUrl(name: string, given: string): URL {
  if (URL.canParse(given)) {
    const url = new URL(given);
    if (url.protocol === 'http:' || url.protocol === 'https:') return url;
  }
  const shown = given.replace(/^(\w+:\/\/)?[^/]*@/, '$1…@'); // there may be a password
  throw new TypeError(`${name}: expected a URL such as ${DEFAULT_ENDPOINT}, found "${shown}"`);
}
