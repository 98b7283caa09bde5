import type { Tracer } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace-base';
import { reasonOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { TracingSettings } from './settings.ts';

export interface Exporter {
  tracer: Tracer;
  /** Sends what is left, for a moment only. */
  close(): Promise<void>;
}

/** ExportResultCode.SUCCESS of a package that is not ours to name. */
const SUCCESS = 0;
/** At the end of the process; what has not been sent then is lost. */
const FLUSH_MS = 3_000;

/**
 * Spans wait in a queue of 2,048, are sent in the background, and are dropped where that is not possible. Headers, sampler,
 * time limits, size of the queue and certificates come from the environment, which the packages read themselves.
 */
export function openExporter(settings: TracingSettings, version: string, log: Logger): Exporter {
  const { url, serviceName } = settings;
  const given = resourceFromAttributes({ 'service.name': serviceName, 'service.version': version });
  const resource = defaultResource()
    .merge(detectResources({ detectors: [envDetector] }))
    .merge(given);
  const exporter = tellTrouble(new OTLPTraceExporter({ url }), log);
  const provider = new BasicTracerProvider({ resource, spanProcessors: [new BatchSpanProcessor(exporter)] });
  log.info('traces are sent', { to: withoutSecrets(url) });
  return {
    tracer: provider.getTracer('sf-nodepool', version),
    async close() {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, FLUSH_MS)));
      await Promise.race([provider.shutdown().catch(() => undefined), late]);
      clearTimeout(timer);
    },
  };
}

/** Once when it begins, once when it is over. */
function tellTrouble(exporter: SpanExporter, log: Logger): SpanExporter {
  let isInTrouble = false;
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        const failed = (result.code as number) !== SUCCESS;
        if (failed && !isInTrouble)
          log.warning('traces cannot be sent; spans are lost until they can', {
            error: explain(result.error),
          });
        if (!failed && isInTrouble) log.info('traces are sent again');
        isInTrouble = failed;
        done(result);
      });
    },
    shutdown: () => exporter.shutdown(),
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
  };
}

function explain(error: (Error & { code?: string | number }) | undefined): string {
  if (!error) return 'no answer';
  return [error.code, reasonOf(error)].filter((part) => part !== undefined && part !== '').join(' ');
}

function withoutSecrets(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}
