import { type Draft, ROLE } from '../draft.ts';
import { K, type KeyName } from '../keys.ts';
import type { RecordContext } from '../record.ts';
import { TYPE } from '../tape.ts';
import { isBlankText } from '../white-space.ts';
import type { FormatReader } from './format.ts';
import { addJoinedMessage, addTextMessage, closeConversation, optionalText, requiredText } from './sides.ts';

const INSTRUCTIONS: readonly KeyName[] = ['instruction', 'INSTRUCTION'];
const INPUTS: readonly KeyName[] = ['input', 'context'];
const OUTPUTS: readonly KeyName[] = ['output', 'response', 'RESPONSE'];

/** {instruction, input?, output, system?, history?} with the names of Alpaca, Dolly, GPTeacher and OASST. */
export const alpaca: FormatReader = {
  format: 'alpaca',
  kind: 'messages',
  matches: (record) => firstOf(record, INSTRUCTIONS) !== undefined && firstOf(record, OUTPUTS) !== undefined,
  read(record, draft) {
    addSystem(record, draft);
    addHistory(record, draft);
    const instruction = requiredText(record, firstOf(record, INSTRUCTIONS) ?? 'instruction');
    const inputKey = INPUTS.find((key) => record.has(K[key])) ?? 'input';
    const input = optionalText(record, inputKey);
    const output = requiredText(record, firstOf(record, OUTPUTS) ?? 'output');
    if (instruction < 0 || output < 0) return;
    if (input >= 0 && !isBlankText(record, input)) {
      addJoinedMessage(record, draft, ROLE.user, instruction, input);
      draft.originals.push({ name: 'alpaca', keys: [K[firstOf(record, INSTRUCTIONS) ?? 'instruction'], K[inputKey]] });
    } else {
      addTextMessage(record, draft, ROLE.user, instruction);
    }
    addTextMessage(record, draft, ROLE.assistant, output);
    closeConversation(draft);
  },
};

/** A system prompt before everything else. Empty is absent. */
export function addSystem(record: RecordContext, draft: Draft, key: KeyName = 'system'): void {
  const system = optionalText(record, key);
  if (system >= 0 && !record.tape.isEmptyText(system)) addTextMessage(record, draft, ROLE.system, system);
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
  addTextMessage(record, draft, ROLE.user, question);
  addTextMessage(record, draft, ROLE.assistant, answer);
}

function firstOf(record: RecordContext, keys: readonly KeyName[]): KeyName | undefined {
  return keys.find((key) => record.has(K[key]));
}
