import { useEffect, useState } from 'preact/hooks';
import { act, Action } from './actions.tsx';
import { generation, now, records } from './live.ts';
import type { ImageRecord } from './records.ts';
import { escapeText, formatSpan } from '../../operator/cell.ts';

/** Images with their age, and the end of the log where the latest build has failed. */
export function Images() {
  void generation.value;
  const rows = [...records.images.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  return (
    <div class="cards">
      {rows.map((image) => (
        <Card key={image.id} image={image} />
      ))}
      {rows.length === 0 && <p>No image has been built yet.</p>}
    </div>
  );
}

function Card({ image }: { image: ImageRecord }) {
  const newest = image.builds.filter(({ state }) => state === 'ready').at(-1);
  const latest = image.builds.at(-1);
  return (
    <section class="card" aria-label={`image ${image.id}`}>
      <h2>
        {escapeText(image.id)} {image.paused && <span class="state state-hold">paused</span>}
        {image.build_requested_time !== null && <span class="state state-building">build requested</span>}
      </h2>
      <p>{newest ? `newest build ${formatSpan(now.value - newest.state_time)} old` : 'no build is ready'}</p>
      {image.builds.map((build) => (
        <p key={build.id}>
          <span class={`state state-${build.state}`}>{build.state}</span> {build.id.split('/').at(-1)},{' '}
          {formatSpan(now.value - build.state_time)}
        </p>
      ))}
      {latest?.state === 'failed' && <p class="bad">{escapeText(latest.error ?? 'it failed')}</p>}
      {latest?.state === 'failed' && <LogEnd id={latest.id} />}
      {image.uploads.map((upload) => (
        <p key={upload.id}>
          <span class={`state state-${upload.state}`}>{upload.state}</span> in {escapeText(upload.provider)}
          {upload.error && `: ${escapeText(upload.error)}`}
        </p>
      ))}
      <Action
        name="build"
        run={() => act(`/images/${encodeURIComponent(image.id)}/build`, `${image.id} will be built`)}
      />
    </section>
  );
}

const LAST_BYTES = 4000;

function LogEnd({ id }: { id: string }) {
  const [text, setText] = useState('');
  useEffect(() => {
    const [image = '', build = ''] = id.split('/');
    const path = `/api/v1/builds/${encodeURIComponent(image)}/${encodeURIComponent(build)}/log`;
    fetch(path, { headers: { range: `bytes=-${LAST_BYTES}` } })
      .then(async (response) => (response.ok ? await response.text() : ''))
      .then((end) => setText(end.split('\n').slice(-12).map(escapeText).join('\n')))
      .catch(() => setText(''));
  }, [id]);
  return text === '' ? null : <pre class="log">{text}</pre>;
}
