/** The OpenAPI document of version 1. A test holds it against what the routes really answer. */
import { flag, integer, listOf, object, ref, schemas, text, texts, type Schema } from './openapi-schemas.ts';

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
