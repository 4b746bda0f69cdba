import type { ApiClient } from './api-client.ts';
import type { Terminal } from './output/terminal.ts';

/** What every command gets. `client` connects on first use, so offline commands never start anything. */
export interface CliContext {
  terminal: Terminal;
  client(): Promise<ApiClient>;
  /** Aborts on Ctrl-C. */
  signal: AbortSignal;
}
