/** What the shell learns. Documented in `longshore --help`; other people's scripts rely on them. */
export const EXIT = {
  ok: 0,
  /** The command worked and what it looked at is wrong: an invalid file, a copy that differs. */
  findings: 1,
  /** The command line itself is wrong, or a local file cannot be read. */
  usage: 2,
  /** The server refused or failed: the message says why. */
  failed: 3,
  /** No server could be reached or started, or the key was refused. */
  unreachable: 4,
  interrupted: 130,
} as const;

export const EXIT_HELP = `
Exit codes: 0 done · 1 something looked at is wrong (invalid file, differing copy) · 2 wrong usage or unreadable file
            3 the server refused or failed · 4 no server or key refused · 130 interrupted`;
