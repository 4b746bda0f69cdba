import clsx from 'clsx';

export interface Message {
  role: string;
  name?: unknown;
  content?: unknown;
  reasoning_content?: unknown;
  tool_calls?: { function?: { name?: string; arguments?: unknown } }[];
  weight?: unknown;
}

export function isMessages(value: unknown): value is Message[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((item) => typeof item === 'object' && item !== null && 'role' in item)
  );
}

/** Whoever answers stands out; the rest steps back. */
const ROLE_LOOK: Readonly<Record<string, string>> = {
  assistant: 'border-l-accent',
  user: 'border-l-line-strong',
};

export function Conversation({ messages }: { messages: readonly Message[] }) {
  return (
    <div className="flex flex-col gap-3">
      {messages.map((message, index) => (
        <div key={index} className={clsx('min-w-0 border-l-2 pl-3', ROLE_LOOK[message.role] ?? 'border-l-line')}>
          <p className="mb-0.5 text-xs font-medium text-muted">
            {message.role}
            {typeof message.name === 'string' && ` (${message.name})`}
            {message.weight === 0 && <span className="font-normal">, not trained on</span>}
          </p>
          <Text value={message.reasoning_content} muted />
          {message.role === 'system' || message.role === 'developer' ? (
            <Text value={message.content} muted />
          ) : (
            <Text value={message.content} />
          )}
          {message.tool_calls?.map((call, position) => (
            <ToolCall key={position} name={call.function?.name ?? 'tool'} given={call.function?.arguments} />
          ))}
        </div>
      ))}
    </div>
  );
}

function ToolCall({ name, given }: { name: string; given: unknown }) {
  const text = typeof given === 'string' ? given : JSON.stringify(given ?? {});
  return (
    <pre className="mt-1 rounded-md bg-sunken px-2.5 py-1.5 font-mono text-xs break-words whitespace-pre-wrap">
      <span className="font-semibold">{name}</span>({text})
    </pre>
  );
}

/** Content as text; parts that are no text are named, not shown: nothing is loaded from elsewhere. */
export function Text({ value, muted = false }: { value: unknown; muted?: boolean }) {
  if (value === null || value === undefined || value === '') return null;
  return <p className={clsx('text-sm break-words whitespace-pre-wrap', muted && 'text-muted')}>{textOf(value)}</p>;
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) return JSON.stringify(value, null, 2);
  return value.map(partText).join('\n');
}

function partText(part: unknown): string {
  if (typeof part !== 'object' || part === null) return String(part);
  const { type, text } = part as { type?: unknown; text?: unknown };
  if (typeof text === 'string') return text;
  return typeof type === 'string' ? `[${type.replaceAll('_', ' ')}]` : JSON.stringify(part);
}
