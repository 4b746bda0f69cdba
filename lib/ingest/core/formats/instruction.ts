import { type Draft, ROLE } from '../draft.ts';
import { K, type Key } from '../keys.ts';
import type { RecordContext } from '../record.ts';
import { TYPE } from '../tape.ts';
import { addBareCalls } from '../tool-calls.ts';
import { isBlankText } from '../white-space.ts';
import { bytesBeside, mayExpand } from './expansion.ts';
import type { FormatReader } from './format.ts';
import * as sides from './sides.ts';

const INSTRUCTIONS: readonly Key[] = [K.instruction, K.INSTRUCTION];
const INPUTS: readonly Key[] = [K.input, K.context];
const OUTPUTS: readonly Key[] = [K.output, K.response, K.RESPONSE];

/** {instruction, input?, output, system?, history?} with the names of Alpaca, Dolly, GPTeacher and OASST. */
export const alpaca: FormatReader = {
  format: 'alpaca',
  kind: 'messages',
  needs: [INSTRUCTIONS, OUTPUTS],
  matches: (record) =>
    sides.firstField(record, INSTRUCTIONS) !== undefined && sides.firstField(record, OUTPUTS) !== undefined,
  read(record, draft) {
    const instructionKey = sides.firstField(record, INSTRUCTIONS) ?? K.instruction;
    const inputKey = sides.firstField(record, INPUTS) ?? K.input;
    const outputKey = sides.firstField(record, OUTPUTS) ?? K.output;
    sides.addSystem(record, draft);
    addHistory(record, draft);
    const instruction = sides.requiredText(record, instructionKey);
    const input = sides.optionalText(record, inputKey);
    const output = sides.requiredText(record, outputKey);
    if (instruction < 0 || output < 0) return;
    addTask(record, draft, { text: instruction, key: instructionKey }, { text: input, key: inputKey });
    sides.addTextMessage(record, draft, ROLE.assistant, output);
    sides.closeConversation(draft);
  },
};

/** The user message of an instruction and its input. Only an input that says something is joined, and then both are kept. */
function addTask(
  record: RecordContext,
  draft: Draft,
  task: { text: number; key: Key },
  input: { text: number; key: Key },
): void {
  if (input.text < 0 || isBlankText(record, input.text)) {
    sides.addTextMessage(record, draft, ROLE.user, task.text);
    return;
  }
  sides.addJoinedMessage(record, draft, ROLE.user, task.text, input.text);
  draft.addOriginals(K.alpaca).add(task.key, task.text).add(input.key, input.text);
}

/** Earlier turns as [[question, answer], ...]. */
export function addHistory(record: RecordContext, draft: Draft): void {
  const { tape } = record;
  const history = record.claim(K.history);
  if (history < 0 || tape.type(history) === TYPE.null) return;
  if (tape.type(history) !== TYPE.array) {
    record.report('E_FIELD_TYPE', history, {
      expected: 'a list of [question, answer]',
      found: record.nameOfType(history),
    });
    return;
  }
  for (let turn = tape.first(history); turn < tape.limit(history); turn = tape.after(turn))
    addTurn(record, draft, turn);
}

function addTurn(record: RecordContext, draft: Draft, turn: number): void {
  const { tape } = record;
  const question = tape.first(turn);
  const isPair = tape.type(turn) === TYPE.array && tape.count(turn) === 2;
  const answer = isPair ? tape.after(question) : -1;
  if (!isPair || !tape.isString(question) || !tape.isString(answer)) {
    record.report('E_FIELD_TYPE', turn, {
      expected: 'a pair [question, answer] of strings',
      found: record.nameOfType(turn),
    });
    return;
  }
  sides.addTextMessage(record, draft, ROLE.user, question);
  sides.addTextMessage(record, draft, ROLE.assistant, answer);
}

/** {question, response, system_prompt?}. */
export const openorca: FormatReader = {
  format: 'openorca',
  kind: 'messages',
  needs: [[K.question], [K.response]],
  matches: (record) => record.isText(K.question) && record.isText(K.response),
  read(record, draft) {
    sides.addSystem(record, draft, sides.firstText(record, [K.system_prompt, K.system]) ?? K.system_prompt);
    readExchange(record, draft, K.question, K.response);
  },
};

/** {query, response, history?, system?} of ms-swift. */
export const queryResponse: FormatReader = {
  format: 'query_response',
  kind: 'messages',
  needs: [[K.query], [K.response]],
  matches: (record) => record.isText(K.query) && record.has(K.response),
  read(record, draft) {
    sides.addSystem(record, draft);
    addHistory(record, draft);
    readExchange(record, draft, K.query, K.response);
  },
};

/** {question, answer} with an optional passage. */
export const qa: FormatReader = {
  format: 'qa',
  kind: 'messages',
  needs: [[K.question], [K.answer]],
  matches: (record) => record.isText(K.question) && record.isText(K.answer),
  read(record, draft) {
    const passageKey = sides.firstText(record, [K.context, K.article]);
    const question = sides.requiredText(record, K.question);
    const answer = sides.requiredText(record, K.answer);
    if (question < 0 || answer < 0) return;
    if (passageKey === undefined || isBlankText(record, record.field(passageKey))) {
      sides.addTextMessage(record, draft, ROLE.user, question);
    } else {
      const passage = record.claim(passageKey);
      sides.addJoinedMessage(record, draft, ROLE.user, passage, question);
      draft.addOriginals(K.qa).add(passageKey, passage).add(K.question, question);
    }
    sides.addTextMessage(record, draft, ROLE.assistant, answer);
    sides.closeConversation(draft);
  },
};

function readExchange(record: RecordContext, draft: Draft, question: Key, answer: Key): void {
  const asked = sides.requiredText(record, question);
  const answered = sides.requiredText(record, answer);
  if (asked < 0 || answered < 0) return;
  sides.addTextMessage(record, draft, ROLE.user, asked);
  sides.addTextMessage(record, draft, ROLE.assistant, answered);
  sides.closeConversation(draft);
}

/** {query, tools, answers}: function calling with lists as strings of JSON (xLAM). */
export const xlam: FormatReader = {
  format: 'xlam',
  kind: 'messages',
  needs: [[K.query], [K.tools], [K.answers]],
  matches: (record) => record.isText(K.query) && record.has(K.tools) && record.has(K.answers),
  read(record, draft) {
    const query = sides.requiredText(record, K.query);
    const answers = record.claim(K.answers);
    if (query < 0) return;
    sides.addTextMessage(record, draft, ROLE.user, query);
    const message = draft.addMessage(answers, ROLE.assistant);
    message.contentNode = answers;
    const value = record.tape.isString(answers) ? record.parseInside(answers) : answers;
    addBareCalls(record, draft, value, answers);
    message.callTo = draft.callCount;
    if (message.callTo === message.callFrom) record.report('E_CONTENT_MISSING', answers);
    sides.closeConversation(draft);
  },
};

/** {instruction, instances: [{input, output}]}: one record for each instance. */
export const selfInstruct: FormatReader = {
  format: 'self_instruct',
  kind: 'messages',
  needs: [[K.instruction], [K.instances]],
  matches: (record) => record.isText(K.instruction) && record.typeOf(K.instances) === TYPE.array,
  read(record) {
    record.report('E_FIELD_MISSING', record.field(K.instances), { field: 'instances' });
  },
  expand(record, draft, emit) {
    const { tape } = record;
    const list = record.field(K.instances);
    checkInstances(record, list);
    for (let node = tape.first(list); node < tape.limit(list) && !record.rejected; node = tape.after(node)) {
      readInstance(record, draft, node);
      emit();
    }
  },
};

/** All instances are checked before the first is written: a record is taken whole or not at all. */
function checkInstances(record: RecordContext, list: number): void {
  const { tape } = record;
  let instances = 0;
  for (let node = tape.first(list); node < tape.limit(list); node = tape.after(node)) {
    instances++;
    const output = tape.type(node) === TYPE.object ? tape.member(node, K.output) : -1;
    if (output < 0 || !tape.isString(output)) {
      record.report('E_FIELD_TYPE', node, {
        expected: 'an instance with an output text',
        found: record.nameOfType(node),
      });
    } else if (isBlankText(record, output)) {
      record.report('E_CONTENT_EMPTY', output);
    }
  }
  if (instances === 0) record.report('E_FIELD_MISSING', list, { field: 'instances[0]' }, '[0]');
  mayExpand(record, instances, bytesBeside(record, list));
}

function readInstance(record: RecordContext, draft: Draft, instance: number): void {
  const { tape } = record;
  record.claim(K.instances);
  const instruction = record.claim(K.instruction);
  const input = tape.member(instance, K.input);
  const output = tape.member(instance, K.output);
  if (input >= 0 && tape.isString(input) && !isBlankText(record, input)) {
    sides.addJoinedMessage(record, draft, ROLE.user, instruction, input);
    draft.addOriginals(K.alpaca).add(K.instruction, instruction).add(K.input, input);
  } else {
    sides.addTextMessage(record, draft, ROLE.user, instruction);
  }
  sides.addTextMessage(record, draft, ROLE.assistant, output);
  sides.closeConversation(draft);
}
