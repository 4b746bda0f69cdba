import { CodeBlock } from '../shared/ui/copy.tsx';

/** How one's own machine becomes a place where jobs run. */
export function WorkerHelp() {
  const command = [
    `export LONGSHORE_URL=${location.origin}`,
    'export LONGSHORE_API_KEY=ls_...',
    'longshore worker --work-dir /data',
  ].join('\n');
  return (
    <div className="flex flex-col gap-2 text-left">
      <CodeBlock title="On the machine with the GPU" code={command} />
      <p className="text-xs text-muted">
        It asks this server for work, so it needs no open port, and runs what your jobs say. Without Node the same
        worker is one file of Python:{' '}
        <a className="text-accent underline" href="/training_server.py">
          training_server.py
        </a>
        .
      </p>
    </div>
  );
}
