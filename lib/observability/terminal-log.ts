/** What a person at a terminal gets instead of JSON: `12:00:01 info  request  GET /api/keys 200 3.1ms`. */
const SHOWN_ELSEWHERE = new Set([
  'level',
  'time',
  'msg',
  'requestId',
  'userId',
  'method',
  'path',
  'status',
  'duration_ms',
]);

interface LineSink {
  write(text: string): unknown;
}

/** Takes pino's JSON lines and writes readable ones to `sink`. */
export function terminalLog(sink: LineSink): { write(line: string): boolean } {
  return {
    write(line) {
      sink.write(`${readable(JSON.parse(line) as Record<string, unknown>)}\n`);
      return true;
    },
  };
}

function readable(entry: Record<string, unknown>): string {
  const time = new Date(String(entry.time)).toTimeString().slice(0, 8);
  const rest = Object.entries(entry).filter(([name, value]) => !SHOWN_ELSEWHERE.has(name) && value !== undefined);
  const details = rest.map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  return [time, String(entry.level).padEnd(5), entry.msg, ...request(entry), ...details].join(' ');
}

function request({ method, path, status, duration_ms }: Record<string, unknown>): unknown[] {
  return method === undefined ? [] : [method, path, status, `${duration_ms}ms`];
}
