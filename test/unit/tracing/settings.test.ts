import t from 'tap';
import { tracingFrom } from '../../../src/tracing/settings.ts';

t.test('traces are off until an endpoint or the exporter is named', async (t) => {
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' };
  for (const env of [
    {},
    { OTEL_SERVICE_NAME: 'x' },
    { ...endpoint, OTEL_SDK_DISABLED: 'true' },
    { ...endpoint, OTEL_TRACES_EXPORTER: 'none' },
    { OTEL_EXPORTER_OTLP_ENDPOINT: '' },
  ])
    t.equal(tracingFrom(env), undefined, JSON.stringify(env));
  t.strictSame(tracingFrom(endpoint), {
    url: 'http://collector:4318/v1/traces',
    serviceName: 'nodepool-launcher',
  });
  t.strictSame(tracingFrom({ OTEL_TRACES_EXPORTER: 'otlp', OTEL_SERVICE_NAME: 'ci' }), {
    url: 'http://localhost:4318/v1/traces',
    serviceName: 'ci',
  });
});

t.test('the endpoint for traces is taken as it is, the one for everything gets a path', async (t) => {
  const cases: [env: NodeJS.ProcessEnv, url: string][] = [
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'https://c/otlp/' }, 'https://c/otlp/v1/traces'],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'https://c/otlp?key=1' }, 'https://c/otlp/v1/traces?key=1'],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c', OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://t/mine' },
      'http://t/mine',
    ],
  ];
  for (const [env, url] of cases) t.equal(tracingFrom(env)?.url, url);
});

t.test('what cannot be meant is named, without passwords', async (t) => {
  const on = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c' };
  const cases: [env: NodeJS.ProcessEnv, message: RegExp][] = [
    [{ OTEL_TRACES_EXPORTER: 'zipkin' }, /^OTEL_TRACES_EXPORTER: expected otlp or none, found "zipkin"$/],
    [{ ...on, OTEL_TRACES_SAMPLER: 'some' }, /^OTEL_TRACES_SAMPLER: expected always_on or .*, found "some"$/],
    [
      { ...on, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
      /^OTEL_EXPORTER_OTLP_PROTOCOL: .*port 4318\), found "grpc"$/,
    ],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'ftp://ann:secret@c' }, /found "ftp:\/\/…@c"$/],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'ann:secret@c:99' }, /found "…@c:99"$/],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://' }, /^OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: /],
  ];
  for (const [env, message] of cases) t.throws(() => tracingFrom(env), { name: 'TypeError', message });
});
