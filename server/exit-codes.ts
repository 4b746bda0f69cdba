/** How the server process ends. The same meanings as the exit codes of the `longshore` command. */
export const SERVER_EXIT = {
  /** Stopped by a signal, everything finished or handed over. */
  stopped: 0,
  /** The environment is wrong. */
  config: 2,
  /** Something failed that should not: the log says what. */
  crashed: 3,
  /** It could not start: port taken, data directory in use, database unreachable. */
  notStarted: 4,
  /** A second signal came before everything was finished. */
  interrupted: 130,
} as const;
