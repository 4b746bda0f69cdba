import type { Draft } from '../draft.ts';
import { K, type Key, keyName } from '../keys.ts';
import type { RecordContext } from '../record.ts';
import { FLAG, TYPE } from '../tape.ts';
import { isBlankText } from '../white-space.ts';
import type { FormatReader } from './format.ts';
import { becomeConverted, firstText, textSide } from './sides.ts';

const TEXTS: readonly Key[] = [K.text, K.content, K.document, K.raw_content];
const SENTENCES: readonly Key[] = [K.text, K.sentence, K.premise];
const LABELS: readonly Key[] = [K.label, K.target, K.sentiment, K.intent];
const CHAT_START = /<\|im_start\|>/;

/** {text}: documents for continued pretraining. */
export const text: FormatReader = {
  format: 'text',
  kind: 'text',
  needs: [TEXTS],
  takesKeyless: true,
  matches: (record) => isBareString(record) || firstText(record, TEXTS) !== undefined,
  read(record, draft) {
    if (isBareString(record)) {
      readBareString(record, draft);
      return;
    }
    const source = firstText(record, TEXTS) ?? K.text;
    if (source !== K.text) becomeConverted(draft);
    if (textSide(record, draft, K.text, source) !== undefined) checkText(record, record.field(source));
  },
};

/** A string in an array of strings. */
function isBareString(record: RecordContext): boolean {
  return record.tape.isString(record.root);
}

function readBareString(record: RecordContext, draft: Draft): void {
  becomeConverted(draft);
  const from = draft.pieceLength;
  draft.addText(record.tape, record.root);
  draft.addSide(K.text, 0, true, from, draft.pieceLength);
  record.report('W_BARE_STRING', record.root);
  checkText(record, record.root);
}

function checkText(record: RecordContext, node: number): void {
  if (isBlankText(record, node)) record.report('E_TEXT_EMPTY', node);
}

/** {text} that is a rendered ChatML conversation: kept as text. */
export const chatmlText: FormatReader = {
  format: 'chatml_text',
  kind: 'text',
  needs: [[K.text]],
  matches: (record) => record.isText(K.text) && isChat(record, record.field(K.text)),
  read(record, draft) {
    textSide(record, draft, K.text);
    record.report('W_CHATML_TEXT', record.field(K.text));
  },
};

function isChat(record: RecordContext, node: number): boolean {
  return record.tape.has(node, FLAG.special | FLAG.escapedMarker) && CHAT_START.test(record.text(node));
}

/** A text, or a premise and a hypothesis, with a label. */
export const classification: FormatReader = {
  format: 'classification',
  kind: 'classification',
  needs: [LABELS, SENTENCES],
  matches(record) {
    const label = labelKey(record);
    if (label === undefined) return false;
    if (record.isText(K.premise)) return record.isText(K.hypothesis);
    return firstText(record, SENTENCES) !== undefined;
  },
  read(record, draft) {
    const source = firstText(record, SENTENCES) ?? K.text;
    const label = labelKey(record) ?? K.label;
    if (source !== K.text || label !== K.label) becomeConverted(draft);
    if (textSide(record, draft, K.text, source) === undefined) return;
    checkText(record, record.field(source));
    if (source === K.premise) textSide(record, draft, K.text_pair, K.hypothesis);
    else if (record.isText(K.text_pair)) textSide(record, draft, K.text_pair);
    draft.values.push({ key: K.label, node: record.claim(label), anchor: label });
  },
};

function labelKey(record: RecordContext): Key | undefined {
  return LABELS.find((key) => {
    const node = record.field(key);
    if (node < 0) return false;
    if (record.tape.isString(node)) return !record.tape.isEmptyText(node);
    return record.tape.has(node, FLAG.integer) && record.tape.type(node) === TYPE.number;
  });
}

/** {segments: [{label, text}]} of Axolotl: learned and unlearned stretches of one text. */
export const templateFree: FormatReader = {
  format: 'template_free',
  kind: 'segments',
  needs: [[K.segments]],
  matches(record) {
    const { tape } = record;
    const list = record.field(K.segments);
    if (list < 0 || tape.type(list) !== TYPE.array || tape.first(list) === tape.limit(list)) return false;
    const first = tape.first(list);
    return tape.type(first) === TYPE.object && tape.member(first, K.label) >= 0 && tape.member(first, K.text) >= 0;
  },
  read(record, draft) {
    const { tape } = record;
    const list = record.claim(K.segments);
    for (let node = tape.first(list); node < tape.limit(list); node = tape.after(node)) checkSegment(record, node);
    draft.values.push({ key: K.segments, node: list, anchor: K.segments });
  },
};

function checkSegment(record: RecordContext, node: number): void {
  const { tape } = record;
  const label = tape.type(node) === TYPE.object ? tape.member(node, K.label) : -1;
  const segment = tape.type(node) === TYPE.object ? tape.member(node, K.text) : -1;
  if (label < 0 || (tape.type(label) !== TYPE.true && tape.type(label) !== TYPE.false)) {
    record.report('E_LABEL_NOT_BOOL', label < 0 ? node : label);
  }
  if (segment < 0 || !tape.isString(segment)) record.report('E_FIELD_MISSING', node, { field: 'text' }, '.text');
}

/** {prompt, completions, labels}: one label a step. */
export const stepwise: FormatReader = {
  format: 'stepwise',
  kind: 'stepwise',
  needs: [[K.prompt], [K.completions], [K.labels]],
  matches: (record) =>
    record.isText(K.prompt) && record.typeOf(K.completions) === TYPE.array && record.typeOf(K.labels) === TYPE.array,
  read(record, draft) {
    const { tape } = record;
    textSide(record, draft, K.prompt);
    const completions = record.claim(K.completions);
    const labels = record.claim(K.labels);
    const steps = tape.count(completions);
    if (steps !== tape.count(labels) || steps === 0) record.report('E_STEP_LENGTH', labels);
    for (let node = tape.first(completions); node < tape.limit(completions); node = tape.after(node)) {
      if (!tape.isString(node))
        record.report('E_FIELD_TYPE', node, { expected: 'a string', found: record.nameOfType(node) });
    }
    for (let node = tape.first(labels); node < tape.limit(labels); node = tape.after(node)) {
      if (tape.type(node) !== TYPE.true && tape.type(node) !== TYPE.false) record.report('E_STEP_LABEL', node);
    }
    draft.values.push(
      { key: K.completions, node: completions, anchor: K.completions },
      { key: K.labels, node: labels, anchor: K.labels },
    );
  },
};

/** {input_ids, attention_mask?, labels?}: text that has been tokenised. */
export const tokenized: FormatReader = {
  format: 'tokenized',
  kind: 'tokenized',
  needs: [[K.input_ids]],
  matches: (record) => record.typeOf(K.input_ids) === TYPE.array && isNumberList(record, record.field(K.input_ids)),
  read(record, draft) {
    const length = readTokens(record, draft, K.input_ids, -1);
    for (const key of [K.attention_mask, K.labels] as const)
      if (record.has(key)) readTokens(record, draft, key, length);
  },
};

function isNumberList(record: RecordContext, list: number): boolean {
  const first = record.tape.first(list);
  return first < record.tape.limit(list) && record.tape.type(first) === TYPE.number;
}

/** Checks a list of integers and takes it over. Returns its length. */
function readTokens(record: RecordContext, draft: Draft, key: Key, expected: number): number {
  const { tape } = record;
  const list = record.claim(key);
  if (tape.type(list) !== TYPE.array) {
    record.report('E_FIELD_TYPE', list, { expected: 'a list of integers', found: record.nameOfType(list) });
    return 0;
  }
  let length = 0;
  for (let node = tape.first(list); node < tape.limit(list); node = tape.after(node)) {
    length++;
    if (isToken(record, node, key)) continue;
    record.report('E_TOKEN_VALUE', node, { field: keyName(key), range: key === K.labels ? ' from -100' : ' from 0' });
    return length;
  }
  if (expected >= 0 && length !== expected) record.report('E_TOKEN_LENGTH', list, { field: keyName(key) });
  draft.values.push({ key, node: list, anchor: key });
  return length;
}

function isToken(record: RecordContext, node: number, key: Key): boolean {
  const { tape } = record;
  if (tape.type(node) !== TYPE.number || !tape.has(node, FLAG.integer)) return false;
  if (record.workspace.view.getUint8(tape.start(node)) !== 0x2d) return true;
  return key === K.labels && Number(record.sourceText(node)) >= -100;
}
