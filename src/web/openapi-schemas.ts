/** The shapes that the API of version 1 answers with, as JSON Schemas for the OpenAPI document. */

export type Schema = Readonly<Record<string, unknown>>;

export const text: Schema = { type: 'string' };
const textOrNull: Schema = { type: ['string', 'null'] };
const number: Schema = { type: 'number' };
export const integer: Schema = { type: 'integer' };
const integerOrNull: Schema = { type: ['integer', 'null'] };
export const flag: Schema = { type: 'boolean' };
const time: Schema = { type: 'number', description: 'Unix seconds' };
const timeOrNull: Schema = { type: ['number', 'null'], description: 'Unix seconds' };
export const texts: Schema = { type: 'array', items: text };
const amounts: Schema = {
  type: 'object',
  additionalProperties: number,
  description: 'instances, cores, ram (MiB), …',
};
export const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
export const object = (properties: Readonly<Record<string, Schema>>): Schema => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
});
export const listOf = (name: string, schema: string): Schema =>
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

export const schemas: Readonly<Record<string, Schema>> = {
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
