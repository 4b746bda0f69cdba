import { formatBytes, formatSeconds } from '@/lib/format.ts';

/** Where a command writes: results to stdout, everything a person watches to stderr. */
export interface Terminal {
  stdout: NodeJS.WritableStream & { isTTY?: boolean; columns?: number };
  stderr: NodeJS.WritableStream & { isTTY?: boolean; columns?: number };
  json: boolean;
  color: boolean;
}

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';
const CODES: Record<Style, number> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 };

/** Colours text for a person's terminal; plain text otherwise. */
export function paint(terminal: Terminal, style: Style, text: string): string {
  return terminal.color ? `\u001b[${CODES[style]}m${text}\u001b[0m` : text;
}

export function printLine(terminal: Terminal, text = ''): void {
  terminal.stdout.write(`${text}\n`);
}

export function printJson(terminal: Terminal, value: unknown): void {
  terminal.stdout.write(`${JSON.stringify(value, null, terminal.stdout.isTTY === true ? 2 : 0)}\n`);
}

export function note(terminal: Terminal, text: string): void {
  terminal.stderr.write(`${text}\n`);
}

/** Columns padded to their widest cell; numbers (by `right`) flush right. */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string[] {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) =>
        right.includes(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  return [line(header), ...rows.map(line)];
}

export interface ProgressBar {
  update(doneBytes: number): void;
  /** Removes the bar; what follows is written on a clean line. */
  finish(): void;
}

const REDRAW_MS = 100;
const RATE_WINDOW_MS = 5000;

/** A bar with rate and time left on a terminal; silent elsewhere, so that logs stay readable. */
export function progressBar(
  terminal: Terminal,
  label: string,
  totalBytes: number,
  now: () => number = Date.now,
): ProgressBar {
  if (terminal.stderr.isTTY !== true || terminal.json) return { update: () => {}, finish: () => {} };
  let samples: { at: number; bytes: number }[] = [];
  let drawnAt = 0;
  const draw = (done: number) => {
    const first = samples[0];
    const rate = first === undefined ? 0 : ((done - first.bytes) * 1000) / Math.max(1, now() - first.at);
    const line = progressLine(label, done, totalBytes, rate, terminal.stderr.columns ?? 80);
    terminal.stderr.write(`\r\u001b[2K${line}`);
  };
  return {
    update(doneBytes) {
      const at = now();
      samples = [...samples.filter((s) => at - s.at < RATE_WINDOW_MS), { at, bytes: doneBytes }];
      if (at - drawnAt < REDRAW_MS && doneBytes < totalBytes) return;
      drawnAt = at;
      draw(doneBytes);
    },
    finish: () => void terminal.stderr.write('\r\u001b[2K'),
  };
}

/** One line of at most `columns` characters: label, bar, percent, rate, time left. */
export function progressLine(
  label: string,
  done: number,
  total: number,
  bytesPerSecond: number,
  columns: number,
): string {
  const share = total === 0 ? 1 : Math.min(1, done / total);
  const left = bytesPerSecond > 0 ? formatSeconds((total - done) / bytesPerSecond) : '--';
  const facts = `${String(Math.floor(share * 100)).padStart(3)}%  ${formatBytes(done)} of ${formatBytes(total)}  ${formatBytes(bytesPerSecond)}/s  ${left}`;
  const room = columns - facts.length - 5;
  const name = label.length > room / 2 ? `${label.slice(0, Math.max(0, Math.floor(room / 2) - 1))}…` : label;
  const width = Math.max(0, Math.min(30, room - name.length));
  const filled = Math.round(share * width);
  return `${name}  ${'━'.repeat(filled)}${'─'.repeat(width - filled)}  ${facts}`.slice(0, columns);
}
