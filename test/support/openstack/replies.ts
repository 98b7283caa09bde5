/** Answers that every service gives. */
import type { Thing } from './world.ts';

export interface Reply {
  status: number;
  headers?: Record<string, string>;
  body?: unknown;
}

export function ok(body: unknown): Reply {
  return { status: 200, body };
}

export function fail(code: number, message: string, kind = 'error'): Reply {
  return { status: code, body: { [kind]: { code, message } } };
}

export function one(key: string, things: readonly Thing[], id = ''): Reply {
  const thing = things.find((candidate) => candidate.id === id);
  return thing ? ok({ [key]: thing }) : fail(404, `${key} ${id} could not be found.`, 'itemNotFound');
}

export function remove(things: Thing[], id = ''): Reply {
  const place = things.findIndex((thing) => thing.id === id);
  if (place < 0) return fail(404, `${id} could not be found.`);
  things.splice(place, 1);
  return { status: 204 };
}
