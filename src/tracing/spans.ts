/** What all spans here have in common. */
import {
  context,
  SpanStatusCode,
  trace,
  type Attributes,
  type AttributeValue,
  type Context,
  type HrTime,
  type Span,
  type SpanContext,
  type Tracer,
} from '@opentelemetry/api';
import { LaunchError, reasonOf } from '../errors.ts';

export interface SpanOptions {
  /** Unix seconds, as in records. */
  startS: number;
  parent: Context;
  attributes: Record<string, AttributeValue | null | undefined>;
}

/** `startS` is said rather than measured: a span may begin before anybody knows that there will be one. */
export function startSpan(tracer: Tracer, name: string, { startS, parent, attributes }: SpanOptions): Span {
  const known: Attributes = {};
  for (const [key, value] of Object.entries(attributes)) if (value !== null) known[key] = value;
  return tracer.startSpan(name, { startTime: timeOf(startS), attributes: known }, parent);
}

export function endSpan(span: Span, endS: number): void {
  span.end(timeOf(endS));
}

/** @param type what one looks for: a stage of a launch, or the class of the error. */
export function failSpan(span: Span, endS: number, message: string, type: string): void {
  span.setAttribute('error.type', type);
  span.setStatus({ code: SpanStatusCode.ERROR, message });
  endSpan(span, endS);
}

export function failSpanBy(span: Span, endS: number, error: unknown): void {
  const type = error instanceof LaunchError ? error.stage : error instanceof Error ? error.name : 'Error';
  failSpan(span, endS, reasonOf(error), type);
}

/** For spans below this one. */
export function below(span: Span): Context {
  return trace.setSpan(NOWHERE, span);
}

export function belowRemote(parent: SpanContext | undefined): Context {
  return parent ? trace.setSpanContext(NOWHERE, parent) : NOWHERE;
}

/** Where nothing is traced yet. Contexts are passed on by hand, so there is never another one that is active. */
export const NOWHERE: Context = context.active();

/** Seconds and nanoseconds. A plain number would be taken for milliseconds since the start of the process if it is small. */
function timeOf(seconds: number): HrTime {
  const ms = Math.round(seconds * 1e6) / 1e3; // records have microseconds at most
  return [Math.floor(ms / 1e3), Math.round((ms % 1e3) * 1e6)];
}
