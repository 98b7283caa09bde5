/** The OpenAPI document of version 1. A test holds it against what the routes really answer. */

type Schema = Readonly<Record<string, unknown>>;

const text: Schema = { type: 'string' };
const textOrNull: Schema = { type: ['string', 'null'] };
const number: Schema = { type: 'number' };
const integer: Schema = { type: 'integer' };
const integerOrNull: Schema = { type: ['integer', 'null'] };
const flag: Schema = { type: 'boolean' };
const time: Schema = { type: 'number', description: 'Unix seconds' };
const timeOrNull: Schema = { type: ['number', 'null'], description: 'Unix seconds' };
const texts: Schema = { type: 'array', items: text };
const amounts: Schema = {
  type: 'object',
  additionalProperties: number,
  description: 'instances, cores, ram (MiB), …',
};
const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
const object = (properties: Readonly<Record<string, Schema>>): Schema => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
});
const listOf = (name: string, schema: string): Schema =>
  object({
    [name]: { type: 'array', items: ref(schema) },
    next: { ...textOrNull, description: 'value of `after` for the next page' },
  });

const request = {
  id: text,
  version: integer,
  state: { type: 'string', enum: ['requested', 'pending', 'fulfilled', 'failed'] },
  state_time: time,
  created_time: timeOrNull,
  locked: flag,
  labels: texts,
  nodes: texts,
  requestor: textOrNull,
  tenant: textOrNull,
  provider: textOrNull,
  relative_priority: number,
  event_id: textOrNull,
  declined_by: texts,
  reason: { ...textOrNull, description: 'why it waits or has failed' },
};

const pool = {
  id: text,
  version: integer,
  provider: text,
  pool: text,
  launcher: text,
  driver: text,
  labels: texts,
  unhealthy: { ...textOrNull, description: 'why it can serve nothing' },
  unready: { type: 'object', additionalProperties: text, description: 'by label: why it cannot be served' },
  paused: { ...textOrNull, description: 'why it waits for room' },
  draining: flag,
  provider_drained: { ...flag, description: 'the drain is one of the whole provider' },
  launching: integer,
  used: amounts,
  limits: amounts,
  last_error: textOrNull,
  last_error_time: timeOrNull,
};

const schemas: Readonly<Record<string, Schema>> = {
  Node: object({
    id: text,
    version: integer,
    state: text,
    state_time: time,
    created_time: timeOrNull,
    locked: flag,
    provider: textOrNull,
    pool: textOrNull,
    labels: texts,
    server_id: textOrNull,
    hostname: textOrNull,
    interface_ip: textOrNull,
    public_ipv4: textOrNull,
    private_ipv4: textOrNull,
    public_ipv6: textOrNull,
    az: textOrNull,
    connection_type: textOrNull,
    connection_port: integerOrNull,
    username: textOrNull,
    ssh: { ...textOrNull, description: 'a command to paste' },
    allocated_to: { ...textOrNull, description: 'id of a request' },
    requestor: textOrNull,
    tenant: textOrNull,
    launcher: textOrNull,
    hold_job: textOrNull,
    comment: textOrNull,
    hold_expires_time: timeOrNull,
    resources: amounts,
  }),
  Request: object(request),
  ExplainedRequest: object({
    ...request,
    summary: text,
    advice: texts,
    pools: {
      type: 'array',
      items: object({
        provider: text,
        pool: text,
        launcher: textOrNull,
        status: text,
        reason: text,
        missing_labels: texts,
        decided_time: timeOrNull,
      }),
    },
  }),
  Pool: object(pool),
  CountedPool: object({
    ...pool,
    nodes: { type: 'object', additionalProperties: integer, description: 'nodes by state' },
  }),
  Image: object({
    id: text,
    paused: flag,
    build_requested_time: timeOrNull,
    builds: {
      type: 'array',
      items: object({
        id: { ...text, description: 'IMAGE/BUILD' },
        state: text,
        state_time: time,
        builder: textOrNull,
        formats: texts,
        duration: { type: ['number', 'null'], description: 'seconds' },
        exit_code: integerOrNull,
        error: textOrNull,
      }),
    },
    uploads: {
      type: 'array',
      items: object({
        id: text,
        provider: text,
        build: text,
        state: text,
        state_time: time,
        external_id: textOrNull,
        external_name: textOrNull,
        format: textOrNull,
        sent_bytes: integerOrNull,
        total_bytes: integerOrNull,
        error: textOrNull,
      }),
    },
  }),
  Plots: object({
    range: { type: 'string', enum: ['hour', 'day', 'week'] },
    step: { ...number, description: 'seconds between points' },
    points: {
      type: 'array',
      items: object({
        time,
        nodes: { ...integer, description: 'nodes, whatever their state' },
        in_use: integer,
        waiting: { ...integer, description: 'requests that wait or are being served' },
        failures: { ...integer, description: 'nodes that could not be made in this time' },
        ready_s: { type: ['number', 'null'], description: 'mean time to make a node' },
      }),
    },
  }),
  Error: object({ error: text }),
};

const parameter = (name: string, description: string, more: Schema = {}): Schema => ({
  name,
  in: 'query',
  description,
  schema: text,
  ...more,
});
const many = { schema: texts, explode: true };
const paging = [
  parameter('limit', 'records at most', { schema: integer }),
  parameter('after', 'id of the last record that is known already'),
];
const inPath = (name: string): Schema => ({ name, in: 'path', required: true, schema: text });
const content = (schema: Schema, description = 'done'): Schema => ({
  description,
  content: { 'application/json': { schema } },
});
const failures = (...statuses: number[]): Readonly<Record<string, Schema>> =>
  Object.fromEntries(statuses.map((status) => [status, content(ref('Error'), 'refused, with the reason')]));

const read = (summary: string, schema: Schema, parameters: readonly Schema[] = [], ...wrong: number[]) => ({
  get: { summary, parameters, responses: { 200: content(schema), ...failures(...wrong) } },
});
const act = (summary: string, parameters: readonly Schema[], schema: Schema, body?: Schema) => ({
  post: {
    summary,
    security: [{ token: [] }],
    parameters,
    ...(body && { requestBody: { content: { 'application/json': { schema: body } } } }),
    responses: { 200: content(schema), ...failures(400, 401, 403, 404, 409) },
  },
});

const paths: Readonly<Record<string, unknown>> = {
  '/nodes': read(
    'All nodes, ordered by id',
    listOf('nodes', 'Node'),
    [
      parameter('state', 'only nodes in one of these states', many),
      parameter('label', 'only nodes with one of these labels', many),
      parameter('provider', 'only nodes of these providers', many),
      parameter('pool', 'only nodes of these pools', many),
      parameter('tenant', 'only nodes of these tenants', many),
      ...paging,
    ],
    400,
  ),
  '/nodes/{id}': read('One node', ref('Node'), [inPath('id')], 404),
  '/requests': read(
    'All node requests with the reason why they wait, ordered by id',
    listOf('requests', 'Request'),
    [parameter('state', 'only requests in one of these states', many), ...paging],
    400,
  ),
  '/requests/{id}': read(
    'One request, what every pool says about it, and what can be done',
    ref('ExplainedRequest'),
    [inPath('id')],
    404,
  ),
  '/pools': read('Pools of all running launchers', listOf('pools', 'CountedPool')),
  '/images': read('Images with their builds and uploads', listOf('images', 'Image')),
  '/builds/{image}/{build}/log': {
    get: {
      summary:
        'The log of a build, where this machine has it; ranges of bytes, or followed while the build runs',
      parameters: [inPath('image'), inPath('build'), parameter('follow', '1: until the build has ended')],
      responses: {
        200: { description: 'the log', content: { 'text/plain': {} } },
        206: { description: 'a part of it', content: { 'text/plain': {} } },
        416: { description: 'the part is outside' },
        ...failures(404, 413),
      },
    },
  },
  '/plots': read(
    'What was going on over the last hour, day or week',
    ref('Plots'),
    [parameter('range', 'hour, day or week')],
    400,
  ),
  '/events': {
    get: {
      summary: 'What changes, as server-sent events `hello`, `changes` and `reset`; resumed by Last-Event-ID',
      responses: {
        200: { description: 'the stream', content: { 'text/event-stream': {} } },
        ...failures(503),
      },
    },
  },
  '/nodes/{id}/hold': act('Keep a node for people', [inPath('id')], ref('Node'), {
    type: 'object',
    properties: { reason: text, for: { ...integer, description: 'seconds' } },
  }),
  '/nodes/{id}/delete': act('Delete a node', [inPath('id')], ref('Node')),
  '/images/{image}/build': act(
    'Ask for a build of an image',
    [inPath('image')],
    object({ build_requested: flag }),
  ),
  '/providers/{provider}/drain': act(
    'No new nodes in a provider; those in use finish',
    [inPath('provider')],
    object({ draining: flag }),
  ),
  '/providers/{provider}/undrain': act(
    'Take a provider back into service',
    [inPath('provider')],
    object({ draining: flag }),
  ),
  '/pools/{provider}/{pool}/drain': act(
    'No new nodes in a pool; those in use finish',
    [inPath('provider'), inPath('pool')],
    object({ draining: flag }),
  ),
  '/pools/{provider}/{pool}/undrain': act(
    'Take a pool back into service',
    [inPath('provider'), inPath('pool')],
    object({ draining: flag }),
  ),
};

export function openApi(version: string) {
  return {
    openapi: '3.1.0',
    info: {
      title: 'sf-nodepool',
      version,
      description: 'Nodes, requests and pools, and what is done to them.',
    },
    servers: [{ url: '/api/v1' }],
    paths,
    components: {
      schemas,
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'the text of webapp.token_file' },
      },
    },
  };
}
