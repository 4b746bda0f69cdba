import clsx from 'clsx';
import type { ReactNode } from 'react';

interface Message {
  role: string;
  content?: unknown;
  reasoning_content?: unknown;
  tool_calls?: { function?: { name?: string; arguments?: unknown } }[];
}

type Json = Record<string, unknown>;

/** A record as a person reads it: conversations as conversations, preference pairs side by side, the rest by field. */
export function RecordView({ record, raw }: { record: unknown; raw: boolean }) {
  if (raw || typeof record !== 'object' || record === null) return <Raw value={record} />;
  const { messages, chosen, rejected, prompt, ...rest } = record as Json;
  if (isMessages(messages)) {
    return (
      <Framed>
        <Conversation messages={messages} />
        <Fields value={{ ...present({ chosen, rejected, prompt }), ...rest }} />
      </Framed>
    );
  }
  return (
    <Framed>
      {prompt !== undefined && <Labelled label="prompt">{<Side value={prompt} />}</Labelled>}
      {chosen !== undefined && rejected !== undefined && (
        <div className="grid gap-3 md:grid-cols-2">
          <Labelled label="chosen" tone="good">
            <Side value={chosen} />
          </Labelled>
          <Labelled label="rejected" tone="bad">
            <Side value={rejected} />
          </Labelled>
        </div>
      )}
      <Fields value={rest} />
    </Framed>
  );
}

function Framed({ children }: { children: ReactNode }) {
  return <div className="flex flex-col gap-3 px-4 py-3">{children}</div>;
}

function Raw({ value }: { value: unknown }) {
  return (
    <pre className="overflow-x-auto px-4 py-3 font-mono text-xs whitespace-pre-wrap break-words">
      {JSON.stringify(value, null, 2)}
    </pre>
  );
}

function isMessages(value: unknown): value is Message[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((item) => typeof item === 'object' && item !== null && 'role' in item)
  );
}

function present(value: Json): Json {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined));
}

const ROLE_LOOK: Record<string, string> = {
  user: 'border-l-line',
  assistant: 'border-l-accent',
  system: 'border-l-warn',
  developer: 'border-l-warn',
  tool: 'border-l-good',
};

function Conversation({ messages }: { messages: Message[] }) {
  return (
    <div className="flex flex-col gap-2.5">
      {messages.map((message, index) => (
        <div key={index} className={clsx('border-l-2 pl-3', ROLE_LOOK[message.role] ?? 'border-l-line')}>
          <p className="text-xs font-medium text-muted">{message.role}</p>
          {message.reasoning_content !== undefined && <Text value={message.reasoning_content} muted />}
          <Text value={message.content} />
          {message.tool_calls?.map((call, position) => (
            <pre
              key={position}
              className="mt-1 overflow-x-auto rounded bg-sunken px-2 py-1 font-mono text-xs whitespace-pre-wrap"
            >
              {call.function?.name}({String(call.function?.arguments ?? '')})
            </pre>
          ))}
        </div>
      ))}
    </div>
  );
}

function Side({ value }: { value: unknown }) {
  return isMessages(value) ? <Conversation messages={value} /> : <Text value={value} />;
}

function Text({ value, muted = false }: { value: unknown; muted?: boolean }) {
  if (value === null || value === undefined) return null;
  const text = typeof value === 'string' ? value : JSON.stringify(value, null, 2);
  return <p className={clsx('text-sm break-words whitespace-pre-wrap', muted && 'text-muted italic')}>{text}</p>;
}

function Labelled({ label, tone, children }: { label: string; tone?: 'good' | 'bad'; children: ReactNode }) {
  return (
    <div
      className={clsx(
        tone !== undefined && 'rounded-md px-3 py-2',
        tone === 'good' && 'bg-good-soft',
        tone === 'bad' && 'bg-bad-soft',
      )}
    >
      <p
        className={clsx(
          'text-xs font-medium',
          tone === 'good' ? 'text-good' : tone === 'bad' ? 'text-bad' : 'text-muted',
        )}
      >
        {label}
      </p>
      {children}
    </div>
  );
}

function Fields({ value }: { value: Json }) {
  return Object.entries(value).map(([name, field]) => (
    <Labelled key={name} label={name}>
      <Side value={field} />
    </Labelled>
  ));
}
