/**
 * How a rented machine becomes a worker: a few lines of Python fetch the worker file from LONGSHORE_URL, run it only when
 * it is the one that was meant, and give way to it. They carry no secret: what they need is in the environment.
 * @param args for the worker, after `run`
 */
export function bootstrapScript(sha256: string, args: readonly string[] = []): string {
  if (!/^[0-9a-f]{64}$/.test(sha256)) throw new Error('not a SHA-256');
  return [
    'import hashlib, os, sys, tempfile, time, urllib.request',
    `url = os.environ["LONGSHORE_URL"].rstrip("/") + "/training_server.py?sha256=${sha256}"`,
    'for attempt in range(60):',
    '    try:',
    '        code = urllib.request.urlopen(url, timeout=60).read(4194304)',
    '        break',
    '    except OSError as error:',
    '        print("longshore: the worker cannot be fetched yet:", error, flush=True)',
    '        time.sleep(min(60, 2 ** attempt))',
    'else:',
    '    sys.exit("longshore: the worker could not be fetched from " + url)',
    `if hashlib.sha256(code).hexdigest() != "${sha256}":`,
    '    sys.exit("longshore: the server has another worker than the one that this job was made with")',
    'path = os.path.join(tempfile.mkdtemp(prefix="longshore-"), "training_server.py")',
    'with open(path, "wb") as file:',
    '    file.write(code)',
    // A JSON array of strings is one of Python's too.
    `os.execv(sys.executable, [sys.executable, path, "run"] + ${JSON.stringify(args)})`,
  ].join('\n');
}

/**
 * Finds a Python before it runs one: images call it python3 or python. For containers that are given a shell command.
 */
export function bootstrapCommand(sha256: string): string[] {
  const find =
    'p=$(command -v python3 || command -v python) || { echo "longshore: this image has no Python" >&2; exit 1; }';
  return ['sh', '-c', `${find}; exec "$p" -c "$0"`, bootstrapScript(sha256)];
}
