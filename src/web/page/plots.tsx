import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { place, linkTo } from './place.ts';

interface Answer {
  points: {
    time: number;
    nodes: number;
    in_use: number;
    waiting: number;
    failures: number;
    ready_s: number | null;
  }[];
}

const RANGES = ['hour', 'day', 'week'] as const;
const SECONDS = { hour: 3_600, day: 86_400, week: 604_800 } as const;
const REFRESH_MS = 15_000;
const PLOTS: readonly {
  title: string;
  lines: readonly { name: keyof Answer['points'][0]; stroke: string }[];
}[] = [
  {
    title: 'nodes',
    lines: [
      { name: 'nodes', stroke: '#888' },
      { name: 'in_use', stroke: '#26c' },
    ],
  },
  { title: 'requests waiting', lines: [{ name: 'waiting', stroke: '#c80' }] },
  { title: 'seconds to make a node', lines: [{ name: 'ready_s', stroke: '#2a7' }] },
  { title: 'failed launches', lines: [{ name: 'failures', stroke: '#c33' }] },
];

export function Plots() {
  const range = RANGES.find((name) => name === place.value.query.get('range')) ?? 'hour';
  const [answer, setAnswer] = useState<Answer | undefined>();
  useEffect(() => {
    let current = true;
    const read = () =>
      fetch(`/api/v1/plots?range=${range}`)
        .then((response) => response.json() as Promise<Answer>)
        .then((next) => current && setAnswer(next))
        .catch(() => undefined);
    void read();
    const timer = setInterval(() => void read(), REFRESH_MS);
    return () => {
      current = false;
      clearInterval(timer);
    };
  }, [range]);
  return (
    <>
      <p class="found">
        {RANGES.map((name) => (
          <a key={name} class={name === range ? 'chosen' : ''} href={linkTo('plots', { range: name })}>
            last {name}
          </a>
        ))}
      </p>
      <div class="plots">
        {answer &&
          PLOTS.map((plot) => (
            <Plot key={`${plot.title} ${range}`} {...plot} answer={answer} seconds={SECONDS[range]} />
          ))}
      </div>
    </>
  );
}

function Plot({
  title,
  lines,
  answer,
  seconds,
}: (typeof PLOTS)[number] & { answer: Answer; seconds: number }) {
  const box = useRef<HTMLElement>(null);
  const chart = useRef<uPlot | undefined>(undefined);
  const data = [
    answer.points.map(({ time }) => time),
    ...lines.map(({ name }) => answer.points.map((point) => point[name])),
  ] as uPlot.AlignedData;
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const axis = {
      stroke: getComputedStyle(element).color,
      grid: { stroke: '#8883' },
      ticks: { stroke: '#8883' },
    };
    const made = new uPlot(
      {
        width: element.clientWidth,
        height: 200,
        legend: { show: lines.length > 1 },
        series: [
          {},
          ...lines.map(({ name, stroke }) => ({ label: name.replace('_', ' '), stroke, width: 2 })),
        ],
        scales: {
          x: { range: () => [Date.now() / 1000 - seconds, Date.now() / 1000] },
          y: { range: (_chart, _low, high) => [0, Math.max(1, high * 1.1)] },
        },
        axes: [axis, axis],
      },
      data,
      element,
    );
    chart.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: 200 }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, []);
  useEffect(() => chart.current?.setData(data), [answer]);
  return (
    <figure ref={box} aria-label={title}>
      <figcaption>{title}</figcaption>
    </figure>
  );
}
