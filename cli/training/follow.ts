import { LongshoreError } from '@/lib/errors.ts';
import type { TrainingJobEvent } from '@/lib/http/api-types.ts';
import type { ApiClient } from '../api-client.ts';
import type { CliContext } from '../context.ts';
import { eventText } from './job-view.ts';

/** Streams are asked for again after a break, from where they were; the server may restart meanwhile. */
const RECONNECT_MS = 1000;
const PATIENCE = 120;

/**
 * Prints what a job says until it is over; with --json one event a line. Returns the state in which it ended.
 * A reader that stops (Ctrl-C) does not stop the job.
 */
export async function followJob(
  { terminal, signal }: CliContext,
  client: ApiClient,
  id: string,
  kinds: readonly TrainingJobEvent['kind'][],
): Promise<string> {
  const position = { id: 0 };
  for (let failures = 0; ; failures += 1) {
    try {
      for await (const { event, data, id: eventId } of openStream(client, id, { kinds, position, signal })) {
        failures = 0;
        if (event === 'end') return String(JSON.parse(data).state);
        position.id = Number(eventId);
        const said = JSON.parse(data) as TrainingJobEvent;
        terminal.stdout.write(terminal.json ? `${JSON.stringify(said)}\n` : eventText(terminal, said));
      }
    } catch (error) {
      if (signal.aborted || !isPassing(error) || failures >= PATIENCE) throw error;
    }
    await pause(signal);
  }
}

interface StreamFrame {
  id: string;
  event: string;
  data: string;
}

async function* openStream(
  client: ApiClient,
  jobId: string,
  options: { kinds: readonly string[]; position: { id: number }; signal: AbortSignal },
): AsyncGenerator<StreamFrame> {
  const response = await client.request(`/api/training/jobs/${encodeURIComponent(jobId)}/events`, {
    query: { kind: options.kinds.join(','), cursor: options.position.id },
    headers: { accept: 'text/event-stream' },
    signal: options.signal,
  });
  if (response.body === null) return;
  let rest = '';
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split('\n\n');
    rest = parts.pop() ?? '';
    yield* parts.map(frameOf).filter((frame) => frame.data !== '');
  }
}

function frameOf(text: string): StreamFrame {
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(text)?.[1] ?? '';
  return { id: field('id'), event: field('event'), data: field('data') };
}

/** A server that is away, or a stream that broke, may come back; a refusal stays one. */
function isPassing(error: unknown): boolean {
  if (error instanceof LongshoreError) return error.code === 'server_unreachable';
  return error instanceof TypeError;
}

function pause(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, RECONNECT_MS);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
