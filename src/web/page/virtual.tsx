import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

const ROW_PX = 30;
const BEYOND = 10;

/** A list of which only the rows in sight exist; every row has the same height, so nothing jumps. */
export function VirtualList<T extends { id: string }>({
  rows,
  row,
  label,
}: {
  rows: readonly T[];
  row: (value: T) => ComponentChildren;
  label: string;
}) {
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(600);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setHeight(element.clientHeight));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const first = Math.max(0, Math.floor(top / ROW_PX) - BEYOND);
  const shown = rows.slice(first, first + Math.ceil(height / ROW_PX) + 2 * BEYOND);
  return (
    <div
      class="list"
      ref={box}
      tabIndex={0}
      role="table"
      aria-label={label}
      aria-rowcount={rows.length}
      onScroll={() => setTop(box.current?.scrollTop ?? 0)}
    >
      <div style={{ height: `${rows.length * ROW_PX}px`, position: 'relative' }}>
        <div style={{ position: 'absolute', top: `${first * ROW_PX}px`, left: 0, right: 0 }}>
          {shown.map((value) => (
            <div class="row" role="row" key={value.id} style={{ height: `${ROW_PX}px` }}>
              {row(value)}
            </div>
          ))}
        </div>
      </div>
    </div>
  );
}
