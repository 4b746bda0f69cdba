import type { Severity } from '@/lib/ingest/types.ts';

/** Values that a message names. Never a record's content: key names, counts, positions and allowed words only. */
export type Detail = Readonly<Record<string, string | number>>;

export interface CatalogueEntry {
  severity: Severity;
  message: (detail: Detail) => string;
  hint: string | null;
  /** Said once for a file, with a count, instead of once for each place. */
  once?: boolean;
  /** Matters to some training targets only: counted, not listed. */
  targetsOnly?: boolean;
}

function error(message: string | ((d: Detail) => string), hint: string | null = null): CatalogueEntry {
  return { severity: 'error', message: typeof message === 'string' ? () => message : message, hint };
}

function warning(message: string | ((d: Detail) => string), hint: string | null = null): CatalogueEntry {
  return { severity: 'warning', message: typeof message === 'string' ? () => message : message, hint };
}

function info(message: string | ((d: Detail) => string), hint: string | null = null): CatalogueEntry {
  return { severity: 'info', message: typeof message === 'string' ? () => message : message, hint, once: true };
}

function forTargets(message: string, hint: string | null = null): CatalogueEntry {
  return { severity: 'info', message: () => message, hint, targetsOnly: true };
}

const ROLES = 'system, developer, user, assistant, tool';

/** Every code that the core reports: what it says and how to mend it. The meaning of a code never changes. */
export const CATALOGUE = {
  E_NO_RECORDS: error('The file holds no records.', 'Write one JSON object a line.'),
  E_JSON_SYNTAX: error((d) => `Not valid JSON at column ${d.column}: ${d.problem}.`, null),
  E_JSON_DUPLICATE_KEY: error(
    (d) => `The key "${d.key}" stands twice in one object.`,
    'Keep one of the two: readers disagree on which one counts.',
  ),
  E_JSON_DEPTH: error((d) => `Nested deeper than ${d.limit} levels.`, 'Flatten the record.'),
  E_NUMBER_RANGE: error('A number is too large for a double.', 'Write it as a string, or within 1.8e308.'),
  E_LONE_SURROGATE: error(
    'A \\u escape is half of a surrogate pair.',
    'Write both halves, or the character itself: cut texts by code points, not by UTF-16 units.',
  ),
  E_UTF8: error((d) => `Not valid UTF-8 at byte ${d.offset} of the line.`, 'Save the file as UTF-8.'),
  E_RECORD_TYPE: error((d) => `A record must be an object, this is ${d.found}.`, null),
  E_RECORD_TOO_LARGE: error(
    (d) => `The record is larger than ${d.limit}.`,
    'Split it into several records, or raise MAX_RECORD_BYTES.',
  ),
  E_SCHEMA_UNRECOGNISED: error((d) => `No known format has the keys ${d.keys}.`, null),
  E_FORMAT_MISMATCH: error(
    (d) => `The format ${d.chosen} was asked for, but this record is ${d.found}.`,
    'Choose the format that the file has, or leave the choice to detection.',
  ),
  E_FORMAT_OPT_IN: error(
    (d) => `Records of the format ${d.format} are converted only when that is asked for.`,
    'Choose this format explicitly to accept how it is converted.',
  ),
  E_TEXT_EMPTY: error('The text is empty.', 'Remove the record.'),
  E_MIXED_KIND: error(
    (d) => `This record is of kind ${d.found}; the file is of kind ${d.kind} since line ${d.line}.`,
    'Split the file: a dataset has one kind.',
  ),
  E_FIELD_MISSING: error((d) => `The field ${d.field} is missing.`, null),
  E_FIELD_TYPE: error((d) => `Expected ${d.expected}, found ${d.found}.`, null),
  E_EMPTY_MESSAGES: error('The list of messages is empty.', 'Give at least one user and one assistant message.'),
  E_ROLE_UNKNOWN: error((d) => `The role "${d.role}" is unknown.`, `Allowed: ${ROLES}, and their usual aliases.`),
  E_CONTENT_MISSING: error(
    'A message has neither content nor tool calls.',
    'Give it a content string; null is allowed only beside tool_calls.',
  ),
  E_CONTENT_EMPTY: error(
    'The assistant text is empty.',
    'Remove the example or write the answer: nothing can be learned from it.',
  ),
  E_NO_ASSISTANT: error(
    'The conversation has no assistant message.',
    'Add the answer, or keep the file for prompts only.',
  ),
  E_LAST_NOT_ASSISTANT: error(
    'The conversation does not end with an assistant message.',
    'Add the answer, or remove what comes after the last one.',
  ),
  E_WEIGHT: error('weight must be the integer 0 or 1.', 'Write 0 or 1 without quotes and without a fraction.'),
  E_TOOLCALL_SHAPE: error(
    (d) => `The tool call has no usable ${d.field}.`,
    'A call is {"id", "type": "function", "function": {"name", "arguments"}}.',
  ),
  E_TOOLCALL_ARGS_NOT_JSON: error(
    'The arguments are not a JSON object in a string.',
    'Serialise the arguments object, for example "{\\"city\\":\\"Bern\\"}".',
  ),
  E_TOOL_ID_MISSING: error(
    'A tool result does not say which call it answers.',
    'Set tool_call_id to the id of the call.',
  ),
  E_TOOL_ID_UNKNOWN: error(
    'A tool result answers no pending call.',
    'Put it after the assistant message that made the call.',
  ),
  E_TOOL_ID_DUP: error(
    'A tool call is answered twice, or its id is used twice.',
    'Give every call an id and one answer.',
  ),
  E_TOOLS_JSON: error(
    'tools is not a JSON list of tool definitions.',
    'Give an array of {"type": "function", "function": {...}}.',
  ),
  E_PREF_EQUAL: error('Chosen and rejected are the same.', 'Remove the pair: it teaches nothing.'),
  E_PREF_EMPTY: error((d) => `The ${d.side} answer is empty.`, 'Remove the pair or write the answer.'),
  E_PREF_STYLE: error(
    'Prompt, chosen and rejected mix strings and message lists.',
    'Write all as strings, or all as lists of messages.',
  ),
  E_PREF_ROLE: error((d) => `The ${d.side} answer must begin with an assistant message.`, null),
  E_PREF_PROMPT_MISMATCH: error(
    'Chosen and rejected do not share their prompt.',
    'Both must begin with the same messages and differ from one assistant message on.',
  ),
  E_LABEL_NOT_BOOL: error('label must be true or false.', 'Write true or false without quotes, not 1 or 0.'),
  E_STEP_LENGTH: error('completions and labels differ in length.', 'Give each step one label.'),
  E_STEP_LABEL: error('Step labels must be true or false.', 'Map ratings to true and false first.'),
  E_TOKEN_LENGTH: error((d) => `${d.field} and input_ids differ in length.`, null),
  E_TOKEN_VALUE: error((d) => `${d.field} must hold integers${d.range}.`, null),
  E_MEDIA_COUNT: error(
    (d) => `${d.tokens} ${d.token} in the text, but ${d.items} in ${d.field}.`,
    'Write one placeholder for each item.',
  ),
  E_MEDIA_ROLE: error((d) => `An image stands in ${d.role} content.`, 'Images belong in user messages.'),
  E_MEDIA_TYPE: error(
    (d) => `The media is not usable: ${d.problem}.`,
    'Use JPEG, PNG, WEBP or GIF as base64 data or a URL.',
  ),
  E_TEMPLATE: error((d) => `The transcript cannot be split into turns: ${d.problem}.`, null),

  W_NUMBER_PRECISION: warning(
    'A number has more digits than a double holds; it is kept as written.',
    'Write identifiers as strings.',
  ),
  W_NUL: warning('The text contains U+0000.', 'Remove it: databases and tokenisers stumble over it.'),
  W_CONTROL: warning('The text contains control characters.', 'Remove them unless they are meant.'),
  W_REPLACEMENT_CHAR: warning('The text contains U+FFFD: it was decoded wrongly before.', 'Export it again as UTF-8.'),
  W_CONTENT_EMPTY: warning('The content is empty.', null),
  W_CONTENT_WHITESPACE: warning(
    'The assistant text begins or ends with white space.',
    'It is kept; trim it unless the model shall learn it.',
  ),
  W_CONTENT_INVISIBLE: warning(
    'The assistant text has no visible character.',
    'Remove the example or write the answer.',
  ),
  W_NO_USER: warning('The conversation has no user message.', null),
  W_FIRST_NOT_USER: warning(
    'The conversation begins with the assistant.',
    'Many templates demand a user message first.',
  ),
  W_ROLE_REPEAT: warning((d) => `Two ${d.role} messages follow each other.`, 'Join them: many templates demand turns.'),
  W_ROLE_TRIMMED: warning('A role has white space around it; it was removed.', 'Write the bare word.'),
  W_SYSTEM_NOT_FIRST: warning('A system message stands after others.', 'Put it first.'),
  W_MULTI_SYSTEM: warning('The conversation has several system messages.', 'Join them into one.'),
  W_WEIGHT_IGNORED: warning(
    'weight stands on a message that is never learned.',
    'Set weight on assistant messages only.',
  ),
  W_WEIGHT_FRACTION: warning('A fractional loss weight is kept as it is; the weight stays unset.', null),
  W_ALL_WEIGHT_ZERO: warning('All assistant messages have weight 0: nothing is learned.', null),
  W_TOOLCALL_ARGS_OBJECT: warning('Arguments given as an object were serialised to a string.', null),
  W_ARGS_DOUBLE_ENCODED: warning('The arguments are JSON inside a JSON string.', 'Serialise them once.'),
  W_TOOL_ID_INFERRED: warning('A tool result without id was matched to the call before it.', 'Set tool_call_id.'),
  W_TOOL_UNANSWERED: warning('A tool call has no result before the conversation goes on.', null),
  W_TOOL_NAME: warning('A function name is not 1 to 64 letters, digits, _ or -.', 'Rename it: providers reject it.'),
  W_TOOL_NOT_DECLARED: warning('A call names a function that tools does not declare.', 'Declare it in tools.'),
  W_TOOLS_SCHEMA: warning(
    'A tool has no object schema as its parameters.',
    'Use {"type": "object", "properties": {...}}.',
  ),
  W_TEXT_TOOL_CALLS: warning('Tool calls are written as text and stay text.', 'Use tool_calls to have them checked.'),
  W_FUNCTION_CALL: warning('The deprecated function_call became tool_calls.', 'Use tool_calls.'),
  W_PREF_NO_PROMPT: warning('The pair has no prompt; it stays implicit.', 'Give the prompt as a field of its own.'),
  W_PREF_PROMPT_REPEATED: warning('The answer repeated the prompt; the repetition was removed.', null),
  W_PREF_SPACE: warning('Chosen and rejected differ in white space only.', 'Remove the pair.'),
  W_PREF_PREFILL: warning('The prompt ends with an assistant message (a prefill).', null),
  W_SPECIAL_TOKENS: warning(
    'The text contains control tokens of chat templates.',
    'Remove them unless they are meant.',
  ),
  W_PLACEHOLDER: warning('The text contains an unfilled placeholder.', 'Fill it in.'),
  W_CHATML_TEXT: warning(
    'The text is a rendered chat; it is kept as text.',
    'Upload the messages to have them checked.',
  ),
  W_REDUNDANT_FIELD: warning((d) => `${d.field} repeats what ${d.kept} says; it was kept as metadata.`, null),
  W_MIXED_SOURCE: warning((d) => `This record is ${d.found}; most are ${d.main}. Both become ${d.kind}.`, null),
  W_UNKNOWN_FIELD: warning((d) => `The field ${d.field} is not part of the format; it was kept.`, null),
  W_KEY_CASE: warning((d) => `The key ${d.field} was read as ${d.kept}.`, 'Write keys in lower case.'),
  W_PARTS_JOINED: warning('A list of text parts was joined into one text.', 'Write content as a string.'),
  W_CELL_JSON: warning(
    (d) => `The text in ${d.field} was parsed as JSON.`,
    'Write the value itself, not a string that holds JSON.',
  ),
  W_BARE_STRING: warning('A bare string was taken as a text.', 'Write {"text": "..."}.'),
  W_MEDIA_SIZE: warning((d) => `An inline image is larger than ${d.limit}.`, 'Make it smaller or refer to it by URL.'),
  W_IMAGE_LOCAL_PATH: warning('An image is a local path: training must find it there.', 'Use URLs or inline data.'),
  W_IMAGE_REMOTE: warning('An image is a URL: training must be able to fetch it.', null),
  W_IMAGE_STRING: warning('image_url was a string; it became {"url": ...}.', null),
  W_MEDIA_NO_TOKEN: warning(
    (d) => `${d.field} has items, but no text has ${d.token}.`,
    'Write the placeholder where the item belongs.',
  ),
  W_EXPANDED: warning('A ranking became several pairs.', null),

  W_ONE_CLASS: warning((d) => `All labels are ${d.label}.`, 'Training on verdicts needs both.'),

  I_CRLF: info('Lines end with CR LF; the CR is not part of the record.'),
  I_BLANK_LINES: info('Blank lines were skipped; line numbers count them.'),
  I_ROLE_ALIAS: info('Role names were mapped to system, user, assistant and tool.'),
  I_TOOL_WRAPPED: info('Tool definitions were brought into the form {"type": "function", "function": ...}.'),

  W_TOOL_ID_MISTRAL: forTargets('A tool call id is not nine letters or digits.', 'Mistral demands this.'),
  W_RESERVED_NOVA: forTargets('The text contains words that Amazon Nova reserves.', 'Reword them for Nova.'),
  T_PARTS: forTargets('Content is a list of parts.'),
  T_MESSAGE_FIELD: forTargets('A message has fields beyond role and content.'),
  T_CONTENT_AND_CALLS: forTargets('An assistant message has both content and tool calls.'),
  T_TOOL_ROLE: forTargets('A message has the role tool, or calls tools.'),
  T_DEVELOPER_ROLE: forTargets('A message has the role developer.'),
  T_EXTRA_FIELD: forTargets('A record has fields beyond its kind.'),
  T_LAST_TOOL_CALL: forTargets('A conversation ends with a tool call.'),
  T_PREF_LONG: forTargets('An answer of a pair has more than one message.'),
} as const satisfies Record<string, CatalogueEntry>;

export type Code = keyof typeof CATALOGUE;

export function entryOf(code: Code): CatalogueEntry {
  return CATALOGUE[code];
}
