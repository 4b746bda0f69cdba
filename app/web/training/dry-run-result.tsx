import clsx from 'clsx';
import { CircleAlert, CircleCheck, CircleX } from 'lucide-react';
import type { TrainingDryRun, TrainingPreflight } from '../shared/api/types.ts';
import { CodeBlock } from '../shared/ui/copy.tsx';
import { Panel } from '../shared/ui/panel.tsx';

const LOOKS = {
  ok: { icon: CircleCheck, tone: 'text-good', word: 'passed' },
  warning: { icon: CircleAlert, tone: 'text-warn', word: 'to look at' },
  failed: { icon: CircleX, tone: 'text-bad', word: 'failed' },
} as const;

const SAID = {
  ok: 'Everything that was looked at is well.',
  warning: 'It may work; look at what is marked first.',
  failed: 'It would not work like this.',
} as const;

/** What was looked at, and what would be sent. Nothing was rented. */
export function DryRunResult({ result: { preflight, plan } }: { result: TrainingDryRun }) {
  return (
    <Panel title="Check" description="Nothing was rented and no job was made.">
      <div className="flex flex-col gap-4">
        <p role="status" className="text-sm font-medium">
          {SAID[preflight.status]}
        </p>
        <ol className="divide-y divide-line rounded-md border border-line text-sm">
          {preflight.checks.map((check) => (
            <Check key={`${check.code} ${check.title}`} check={check} />
          ))}
        </ol>
        {plan?.notes.map((note) => (
          <p key={note} className="text-sm text-muted">
            {note}
          </p>
        ))}
        {plan?.requests.map((request) => (
          <CodeBlock
            key={`${request.method} ${request.url}`}
            title={`Would be sent: ${request.method} ${request.url}`}
            code={JSON.stringify(request.body, null, 2) ?? 'no body'}
          />
        ))}
      </div>
    </Panel>
  );
}

function Check({ check: { status, title, message, remedy } }: { check: TrainingPreflight['checks'][number] }) {
  const { icon: Icon, tone, word } = LOOKS[status];
  return (
    <li className="flex gap-2.5 px-3 py-2">
      <Icon className={clsx('mt-0.5 size-4 shrink-0', tone)} aria-label={word} role="img" />
      <div className="min-w-0 flex-1">
        <p className="font-medium">{title}</p>
        <p className="break-words text-muted">{message}</p>
        {remedy !== null && <p className="mt-1 break-words">{remedy}</p>}
      </div>
    </li>
  );
}
