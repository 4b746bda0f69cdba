import type { ApiClient } from './api-client.ts';
import type { Terminal } from './output/terminal.ts';

/** What every command gets. `client` connects on first use, so offline commands never start anything. */
export interface CliContext {
  terminal: Terminal;
  client(): Promise<ApiClient>;
  /** True when the server lives only as long as this command. */
  ownServer(): Promise<boolean>;
  /** Aborts on Ctrl-C. */
  signal: AbortSignal;
}
