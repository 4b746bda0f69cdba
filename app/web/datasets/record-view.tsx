import clsx from 'clsx';
import type { ReactNode } from 'react';
import { Conversation, isMessages, Text } from './conversation.tsx';

type Json = Record<string, unknown>;

/** A record as a person reads it: conversations as conversations, preference pairs side by side, the rest by field. */
export function RecordView({ record, raw }: { record: unknown; raw: boolean }) {
  if (raw || typeof record !== 'object' || record === null) return <Raw value={record} />;
  const { messages, prompt, chosen, rejected, ...rest } = record as Json;
  const pair = chosen !== undefined && rejected !== undefined;
  const others = {
    ...rest,
    ...(pair ? {} : present({ chosen, rejected })),
    ...(isMessages(messages) ? {} : present({ messages })),
  };
  return (
    <div className="flex flex-col gap-3 px-4 py-3">
      {isMessages(messages) && <Conversation messages={messages} />}
      {prompt !== undefined && (
        <Labelled label="prompt">
          <Side value={prompt} />
        </Labelled>
      )}
      {pair && <Pair chosen={chosen} rejected={rejected} />}
      <Fields value={others} />
    </div>
  );
}

function Raw({ value }: { value: unknown }) {
  return (
    <pre className="px-4 py-3 font-mono text-xs break-words whitespace-pre-wrap">{JSON.stringify(value, null, 2)}</pre>
  );
}

function present(value: Json): Json {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined));
}

function Pair({ chosen, rejected }: { chosen: unknown; rejected: unknown }) {
  return (
    <div className="grid gap-3 md:grid-cols-2">
      <Labelled label="chosen" tone="good">
        <Side value={chosen} />
      </Labelled>
      <Labelled label="rejected" tone="bad">
        <Side value={rejected} />
      </Labelled>
    </div>
  );
}

function Side({ value }: { value: unknown }) {
  return isMessages(value) ? <Conversation messages={value} /> : <Text value={value} />;
}

const TONES = { good: 'border-good/40', bad: 'border-bad/40' };
const LABELS = { good: 'text-good', bad: 'text-bad' };

function Labelled({ label, tone, children }: { label: string; tone?: 'good' | 'bad'; children: ReactNode }) {
  return (
    <div className={clsx('min-w-0', tone !== undefined && `rounded-md border px-3 py-2 ${TONES[tone]}`)}>
      <p className={clsx('mb-0.5 text-xs font-medium', tone === undefined ? 'text-muted' : LABELS[tone])}>{label}</p>
      {children}
    </div>
  );
}

/** Long lists of plain numbers (token ids) would fill the screen without saying anything. */
function Fields({ value }: { value: Json }) {
  return Object.entries(value).map(([name, field]) => (
    <Labelled key={name} label={name}>
      {isStructure(field) ? <Folded value={field} /> : <Side value={field} />}
    </Labelled>
  ));
}

function isStructure(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !isMessages(value);
}

const SHORT = 160;

function Folded({ value }: { value: object }) {
  const line = JSON.stringify(value);
  if (line.length <= SHORT) return <code className="text-xs break-words">{line}</code>;
  return (
    <details>
      <summary className="cursor-pointer truncate font-mono text-xs text-muted">{line.slice(0, SHORT)} …</summary>
      <pre className="mt-1 font-mono text-xs break-words whitespace-pre-wrap">{JSON.stringify(value, null, 2)}</pre>
    </details>
  );
}
