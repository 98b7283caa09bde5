/** Who sends no traces loads nothing for them; who does has all of it in the bundle. */
import { build } from 'esbuild';
import t from 'tap';

const root = new URL('../../../', import.meta.url).pathname;

t.test('the launcher begins without OpenTelemetry, which is a chunk of its own', async (t) => {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: ['src/bin/nodepool-launcher.ts'],
    outdir: 'dist',
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    external: ['lmdb', 'cpu-features', '*.node'],
    write: false,
    metafile: true,
    logLevel: 'silent',
  });
  const { outputs } = metafile;
  const isTracing = (path: string) =>
    /@opentelemetry\/(sdk-|exporter-|otlp-|resources)|^src\/tracing\/tracing/.test(path);
  const loaded = new Set<string>();
  const load = (path: string) => {
    if (loaded.has(path)) return;
    loaded.add(path);
    for (const { path: next, kind } of outputs[path]?.imports ?? [])
      if (kind === 'import-statement') load(next);
  };
  load('dist/nodepool-launcher.js');
  const inputsOf = (path: string) => Object.keys(outputs[path]?.inputs ?? {});
  t.strictSame([...loaded].flatMap(inputsOf).filter(isTracing), []);
  const later = Object.keys(outputs).filter((path) => !loaded.has(path));
  const traced = later.flatMap(inputsOf).filter(isTracing);
  for (const part of ['sdk-trace', 'exporter-trace-otlp-http', 'otlp-transformer', 'resources'])
    t.ok(
      traced.some((path) => path.includes(`@opentelemetry/${part}/`)),
      part,
    );
});
