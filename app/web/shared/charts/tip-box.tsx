export const AXIS = 'var(--line-strong)';
export const TICK = { fill: 'var(--muted)', fontSize: 11 };

/** What stands beside the pointer over a chart. */
export function TipBox({ title, lines }: { title: string; lines: readonly (readonly [string, string])[] }) {
  return (
    <div className="rounded-md border border-line bg-surface px-2.5 py-1.5 text-xs shadow-lg">
      <p className="font-medium">{title}</p>
      {lines.map(([name, value]) => (
        <p key={name} className="tabular flex justify-between gap-4 text-muted">
          <span>{name}</span> <span className="text-ink">{value}</span>
        </p>
      ))}
    </div>
  );
}
