import { CONTENT, type Draft, type DraftMessage, PART, ROLE, ROLE_NAMES } from './draft.ts';
import { hashRange, K, WordTable } from './keys.ts';
import { checkInlineImage, checkMediaUrl } from './media.ts';
import { ObjectFields } from './object-fields.ts';
import type { RecordContext } from './record.ts';
import { TYPE } from './tape.ts';
import { addCallsFromText, addPartCall } from './tool-calls.ts';

const AT = {
  type: 0,
  text: 1,
  value: 2,
  image_url: 3,
  source: 4,
  image: 5,
  thinking: 6,
  reasoningContent: 7,
  thought: 8,
  tool_use: 9,
  toolUse: 10,
  functionCall: 11,
  inlineData: 12,
  fileData: 13,
  refusal: 14,
  url: 15,
} as const;
const TYPE_WORDS = [
  ...([
    'text',
    'input_text',
    'output_text',
    'image_url',
    'image',
    'thinking',
    'reasoning',
    'tool_use',
    'tool_call',
  ] as const),
  ...(['video', 'audio', 'video_url', 'audio_url', 'input_audio', 'file', 'refusal', 'redacted_thinking'] as const),
] as const;
const TYPES = new WordTable(TYPE_WORDS);
type PartType = (typeof TYPE_WORDS)[number] | 'unknown' | 'untyped';

/** What a list of parts has become so far. */
interface Progress {
  texts: number;
  /** Parts that stay parts, texts not counted. */
  others: number;
  /** Every part is canonical already. */
  asIs: boolean;
}

/** Reads content that is a list of parts. Lists of nothing but text become one text; calls and thoughts leave the list. */
export function readParts(record: RecordContext, draft: Draft, message: DraftMessage, array: number): void {
  const { tape } = record;
  const reader = new PartReader(record, draft, message);
  const limit = tape.limit(array);
  for (let part = tape.first(array); part < limit; part = tape.after(part)) reader.thought(part);
  message.textFrom = draft.pieceLength;
  message.partFrom = draft.partCount;
  for (let part = tape.first(array); part < limit; part = tape.after(part)) reader.read(part);
  message.textTo = draft.pieceLength;
  message.partTo = draft.partCount;
  message.callTo = draft.callCount;
  finish(record, draft, message, array, reader.progress);
}

function finish(record: RecordContext, draft: Draft, message: DraftMessage, array: number, progress: Progress): void {
  if (!progress.asIs) draft.asIs = false;
  if (progress.others > 0 || (record.options.keepParts === true && progress.texts > 0)) {
    message.content = progress.asIs ? CONTENT.parts : CONTENT.built;
    record.findings.count('T_PARTS');
    return;
  }
  draft.asIs = false;
  message.content = progress.texts === 0 && message.callTo > message.callFrom ? CONTENT.null : CONTENT.text;
  if (progress.texts > 1) record.report('W_PARTS_JOINED', array);
}

class PartReader {
  readonly progress: Progress = { texts: 0, others: 0, asIs: true };
  private readonly record: RecordContext;
  private readonly draft: Draft;
  private readonly message: DraftMessage;
  private readonly fields: ObjectFields;

  constructor(record: RecordContext, draft: Draft, message: DraftMessage) {
    this.record = record;
    this.draft = draft;
    this.message = message;
    this.fields = record.partFields;
  }

  /** Collects a part's reasoning. */
  thought(part: number): void {
    const { record, draft, message } = this;
    const text = this.thoughtText(part);
    if (text < 0) return;
    if (message.reasoningTo === message.reasoningFrom) message.reasoningFrom = draft.pieceLength;
    else draft.addJoint();
    draft.addText(record.tape, text);
    message.reasoningTo = draft.pieceLength;
    this.progress.asIs = false;
  }

  /** String node of the reasoning that a part holds, or -1. */
  private thoughtText(part: number): number {
    const { tape } = this.record;
    if (tape.type(part) !== TYPE.object) return -1;
    const type = this.typeOf(part);
    const { fields } = this;
    if (type === 'thinking') return this.string(fields.at(AT.thinking));
    if (type === 'reasoning') return this.string(firstGiven(fields, AT.value, AT.text));
    if (type !== 'untyped') return -1;
    const thought = fields.at(AT.thought);
    if (thought >= 0 && tape.type(thought) === TYPE.true) return this.string(fields.at(AT.text));
    const nested = fields.at(AT.reasoningContent);
    const inner = nested >= 0 && tape.type(nested) === TYPE.object ? tape.member(nested, K.reasoningText) : -1;
    return inner >= 0 && tape.type(inner) === TYPE.object ? this.string(tape.member(inner, K.text)) : -1;
  }

  read(part: number): void {
    const { record } = this;
    if (record.tape.isString(part)) {
      this.progress.asIs = false;
      this.text(part);
      return;
    }
    if (record.tape.type(part) !== TYPE.object) {
      record.report('E_FIELD_TYPE', part, { expected: 'a content part', found: record.nameOfType(part) });
      return;
    }
    if (resultOf(record, part) >= 0) {
      // It has become a message of its own (addResults).
      this.progress.asIs = false;
      return;
    }
    if (this.thoughtText(part) >= 0) return;
    this.typed(part, this.typeOf(part));
  }

  private typed(part: number, type: PartType): void {
    const { fields } = this;
    switch (type) {
      case 'text':
      case 'input_text':
      case 'output_text':
        if (type !== 'text' || fields.at(AT.text) < 0) this.progress.asIs = false;
        this.requiredText(part, firstGiven(fields, AT.text, AT.value));
        break;
      case 'image_url':
        this.image(part, firstGiven(fields, AT.image_url, AT.value));
        break;
      case 'image':
        this.sourceImage(part);
        break;
      case 'tool_use':
        this.call(part);
        break;
      case 'tool_call':
        this.progress.asIs = false;
        addCallsFromText(this.record, this.draft, this.message, fields.at(AT.value));
        break;
      case 'untyped':
        this.untyped(part);
        break;
      case 'unknown':
        this.record.report('W_UNKNOWN_FIELD', fields.at(AT.type), { field: 'type' });
        this.copy(part);
        break;
      default:
        this.copy(part);
    }
  }

  /** Parts of Bedrock Converse and Gemini say what they are by their only key. */
  private untyped(part: number): void {
    const { record, fields } = this;
    const { tape } = record;
    const isObject = (place: number) => fields.at(place) >= 0 && tape.type(fields.at(place)) === TYPE.object;
    this.progress.asIs = false;
    if (fields.at(AT.text) >= 0) this.requiredText(part, fields.at(AT.text));
    else if (isObject(AT.toolUse)) this.call(fields.at(AT.toolUse));
    else if (isObject(AT.functionCall)) this.call(fields.at(AT.functionCall));
    else if (isObject(AT.inlineData)) this.inline(part, fields.at(AT.inlineData), K.mimeType);
    else if (isObject(AT.fileData)) this.url(part, tape.member(fields.at(AT.fileData), K.fileUri));
    else if (fields.mask === 0 && fields.others === 0) this.requiredText(part, -1);
    else this.copy(part);
  }

  private requiredText(part: number, node: number): void {
    const { record } = this;
    if (node >= 0 && record.tape.isString(node)) this.text(node);
    else if (node < 0) record.report('E_FIELD_MISSING', part, { field: 'text' }, '.text');
    else record.report('E_FIELD_TYPE', node, { expected: 'a string', found: record.nameOfType(node) });
  }

  private text(node: number): void {
    this.progress.texts++;
    this.draft.addText(this.record.tape, node);
    this.draft.addPart(PART.text, node);
  }

  /** `image_url` as {url, detail} stays, as a bare string it becomes an object. */
  private image(part: number, node: number): void {
    const { tape } = this.record;
    if (node >= 0 && tape.type(node) === TYPE.object) {
      const url = tape.member(node, K.url);
      if (url >= 0 && tape.isString(url)) {
        this.noteImage(part);
        checkMediaUrl(this.record, url);
        this.copy(part);
        return;
      }
    }
    if (node >= 0 && tape.isString(node)) this.record.report('W_IMAGE_STRING', node);
    this.url(part, node);
  }

  private url(part: number, node: number): void {
    const { record } = this;
    if (node < 0 || !record.tape.isString(node)) {
      record.report('E_MEDIA_TYPE', part, { problem: 'it has no URL' });
      return;
    }
    this.noteImage(part);
    checkMediaUrl(record, node);
    this.progress.asIs = false;
    this.progress.others++;
    this.draft.addPart(PART.url, node);
  }

  /** Anthropic's {type: "image", source}; without a source it is a placeholder for an entry of `images`. */
  private sourceImage(part: number): void {
    const { fields } = this;
    const { tape } = this.record;
    const source = fields.at(AT.source);
    if (source >= 0 && tape.type(source) === TYPE.object) {
      if (tape.member(source, K.data) >= 0) this.inline(part, source, K.media_type);
      else this.url(part, tape.member(source, K.url));
    } else if (fields.at(AT.value) >= 0) {
      this.url(part, fields.at(AT.value));
    } else {
      this.noteImage(part);
      this.copy(part);
    }
  }

  private inline(part: number, source: number, typeKey: number): void {
    const { record } = this;
    const mediaType = record.tape.member(source, typeKey);
    const data = record.tape.member(source, K.data);
    if (mediaType < 0 || data < 0 || !record.tape.isString(mediaType) || !record.tape.isString(data)) {
      record.report('E_MEDIA_TYPE', part, { problem: 'it lacks a media type or data' });
      return;
    }
    this.noteImage(part);
    checkInlineImage(record, mediaType, data);
    this.progress.asIs = false;
    this.progress.others++;
    this.draft.addPart(PART.data, data, mediaType);
  }

  private noteImage(part: number): void {
    const { record, message } = this;
    message.images++;
    if (message.role !== ROLE.user) record.report('E_MEDIA_ROLE', part, { role: ROLE_NAMES[message.role] as string });
  }

  private call(node: number): void {
    this.progress.asIs = false;
    addPartCall(this.record, this.draft, node);
  }

  private copy(part: number): void {
    this.progress.others++;
    this.draft.addPart(PART.copy, part);
  }

  /** Reads the part's members, and what its `type` says. */
  private typeOf(part: number): PartType {
    const { record, fields } = this;
    fields.read(record.tape, part);
    const type = fields.at(AT.type);
    if (type < 0) return 'untyped';
    if (!record.tape.isString(type)) return 'unknown';
    const start = record.tape.start(type);
    const end = record.tape.end(type);
    const { view } = record.workspace;
    return TYPE_WORDS[TYPES.find(view, start, end, hashRange(view, start, end))] ?? 'unknown';
  }

  private string(node: number): number {
    return node >= 0 && this.record.tape.isString(node) ? node : -1;
  }
}

function firstGiven(fields: ObjectFields, a: number, b: number): number {
  return fields.at(a) >= 0 ? fields.at(a) : fields.at(b);
}

/** One set for all part readers of a record. */
export function newPartFields(): ObjectFields {
  return new ObjectFields(AT);
}

/** True when a list of parts has tool results in it, as Anthropic, Bedrock and Gemini write them. */
export function holdsResults(record: RecordContext, array: number): boolean {
  const { tape } = record;
  if (tape.type(array) !== TYPE.array) return false;
  for (let part = tape.first(array); part < tape.limit(array); part = tape.after(part)) {
    if (resultOf(record, part) >= 0) return true;
  }
  return false;
}

/** Makes a tool message of each result. True when the list holds something else besides. */
export function addResults(record: RecordContext, draft: Draft, node: number, array: number): boolean {
  const { tape } = record;
  let hasOthers = false;
  draft.asIs = false;
  for (let part = tape.first(array); part < tape.limit(array); part = tape.after(part)) {
    const result = resultOf(record, part);
    if (result < 0) hasOthers = true;
    else addResult(record, draft, node, result);
  }
  return hasOthers;
}

/** The object that holds a tool result, or -1. */
export function resultOf(record: RecordContext, part: number): number {
  const { tape } = record;
  if (tape.type(part) !== TYPE.object) return -1;
  const type = tape.member(part, K.type);
  if (type >= 0) return tape.isString(type) && record.text(type) === 'tool_result' ? part : -1;
  for (const key of [K.toolResult, K.functionResponse]) {
    const nested = tape.member(part, key);
    if (nested >= 0 && tape.type(nested) === TYPE.object) return nested;
  }
  return -1;
}

function addResult(record: RecordContext, draft: Draft, node: number, result: number): void {
  const { tape } = record;
  const message = draft.addMessage(node, ROLE.tool);
  const id = Math.max(tape.member(result, K.tool_use_id), tape.member(result, K.toolUseId), tape.member(result, K.id));
  const name = tape.member(result, K.name);
  if (id >= 0 && tape.isString(id)) message.answers = id;
  if (name >= 0 && tape.isString(name)) message.name = name;
  const content = Math.max(tape.member(result, K.content), tape.member(result, K.response));
  message.content = CONTENT.text;
  message.contentNode = content;
  if (content >= 0) addResultText(record, draft, content);
  message.textTo = draft.pieceLength;
}

/** A result is a text, a list of text parts, or any value, which becomes JSON text. */
function addResultText(record: RecordContext, draft: Draft, content: number): void {
  const { tape } = record;
  if (tape.isString(content)) {
    draft.addText(tape, content);
    return;
  }
  if (tape.type(content) !== TYPE.array || !isTextList(record, content)) {
    if (tape.type(content) !== TYPE.null) draft.addSerialised(content);
    return;
  }
  for (let part = tape.first(content); part < tape.limit(content); part = tape.after(part)) {
    const text = tape.member(part, K.text);
    if (text >= 0) draft.addText(tape, text);
    else draft.addSerialised(tape.member(part, K.json));
  }
}

function isTextList(record: RecordContext, array: number): boolean {
  const { tape } = record;
  for (let part = tape.first(array); part < tape.limit(array); part = tape.after(part)) {
    if (tape.type(part) !== TYPE.object) return false;
    const text = tape.member(part, K.text);
    if (text < 0 ? tape.member(part, K.json) < 0 : !tape.isString(text)) return false;
  }
  return true;
}
