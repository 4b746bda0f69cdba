import type { SandboxApp } from './exchange.ts';
import { FaultInjector } from './faults.ts';
import { LoopbackServer } from './loopback-server.ts';
import { RequestLog } from './request-log.ts';
import { Throttle } from './throttle.ts';

/** What every sandbox server gives its tests, whatever it plays. */
export interface RunningServer {
  /** `http://127.0.0.1:port`, no slash at the end. */
  readonly url: string;
  readonly faults: FaultInjector;
  readonly throttle: Throttle;
  /** What was asked of it, by operation. */
  readonly log: RequestLog;
  /** Refuses connections until `start`, which listens on the same port again. */
  stop(): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
}

export interface ServerOptions {
  /** Default: a free one. */
  port?: number;
  faultSeed?: number;
}

/** Runs an application on loopback behind the fault switch. `onClose` comes after the last connection is gone. */
export async function runServer(
  app: SandboxApp,
  options: ServerOptions,
  onClose: () => Promise<void> = async () => {},
): Promise<RunningServer> {
  const faults = new FaultInjector({ seed: options.faultSeed });
  const parts = { faults, throttle: new Throttle(), log: new RequestLog() };
  const server = new LoopbackServer({ ...parts, app, port: options.port });
  await server.start();
  return {
    ...parts,
    url: server.url,
    stop: () => server.stop(),
    start: () => server.start(),
    close: async () => {
      await server.stop();
      await onClose();
    },
  };
}
