import { CommanderError } from 'commander';
import { readClientConfig } from '@/lib/config/client-config.ts';
import { letHeapGrow } from '@/lib/config/heap-growth.ts';
import { type Connection, connect } from './connect.ts';
import type { CliContext } from './context.ts';
import { EXIT } from './exit-codes.ts';
import type { Terminal } from './output/terminal.ts';
import { createProgram } from './program.ts';
import { reportError } from './report-error.ts';

letHeapGrow();
const config = readClientConfig();
const { stdout, stderr } = process;
const terminal: Terminal = {
  stdout,
  stderr,
  json: process.argv.includes('--json'),
  color: stdout.isTTY === true && !config.noColor,
};

const stopping = new AbortController();
let connection: Promise<Connection> | undefined;
const connected = (): Promise<Connection> => {
  connection ??= connect(config);
  return connection;
};
const context: CliContext = {
  terminal,
  signal: stopping.signal,
  client: async () => (await connected()).client,
  ownServer: async () => (await connected()).own,
};

/** The server has its own way to stop; every other command aborts what it does, and a second Ctrl-C ends at once. */
function listenForInterrupt(): void {
  if (process.argv.includes('serve')) return;
  process.once('SIGINT', () => {
    process.once('SIGINT', () => process.exit(EXIT.interrupted));
    stopping.abort();
  });
}

function exitCodeOf(error: unknown): number {
  if (stopping.signal.aborted) return EXIT.interrupted;
  // Commander has already written its message.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  return reportError(terminal, error);
}

/** `longshore ls | head` closes our output early: that is no failure, and nothing is left to say. */
function endQuietlyWithReader(): void {
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(EXIT.ok);
  });
}

listenForInterrupt();
endQuietlyWithReader();
try {
  await createProgram(context).parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
} finally {
  // That there is no connection was told above, by the command that waited for it.
  await (await connection?.catch(() => undefined))?.close();
}
