import type { DatasetStatistics, Kind } from '@/lib/ingest/types.ts';
import type { PartialStatistics } from './contract.ts';
import { emptyLengths, finishLengths, LengthCounter, type LengthCounts, mergeLengths } from './distribution.ts';
import { type Draft, type DraftMessage, type DraftSide, ROLE, ROLE_NAMES } from './draft.ts';
import { K, type Key } from './keys.ts';
import { addAscii, addPieces, clearSize, jsonLength, newSize } from './measure.ts';
import type { RecordContext } from './record.ts';
import { type TextSize, TYPE } from './tape.ts';

/** Sums over records. Every value is an exact integer, so that merging in any order gives the same. */
class Sums {
  inputPoints = 0;
  outputPoints = 0;
  inputBytes = 0;
  outputBytes = 0;
  toolsPoints = 0;
  userUnits = 0;
  assistantUnits = 0;
  tokens = 0;
  withTools = 0;
  withImages = 0;
  withSystem = 0;
  images = 0;
  chosenLonger = 0;
  pairs = 0;
  trainedPoints = 0;
  assistantPoints = 0;
}
const LENGTHS = ['total', 'input', 'output', 'turns', 'tokens'] as const;
type LengthName = (typeof LENGTHS)[number];

/** Distinct labels that are counted apart. */
const MAX_LABELS = 10_000;
const SHOWN_LABELS = 100;
const OTHER_LABELS = '(other)';
const TOKENS_PER_MESSAGE = 4;

interface Partial {
  sums: Sums;
  lengths: Record<LengthName, LengthCounts>;
  roles: Record<string, number>;
  labels: Record<string, number>;
}

/** Counts the records of one batch. */
export class StatisticsCollector {
  private readonly record: RecordContext;
  private sums = new Sums();
  private readonly lengths = {
    total: new LengthCounter(),
    input: new LengthCounter(),
    output: new LengthCounter(),
    turns: new LengthCounter(),
    tokens: new LengthCounter(),
  };
  private readonly roles = new Float64Array(ROLE_NAMES.length);
  private labels = new Map<string, number>();
  private readonly input = newSize();
  private readonly output = newSize();
  private readonly tools = newSize();
  private hasSystem = false;
  private messages = 0;
  private images = 0;

  constructor(record: RecordContext) {
    this.record = record;
  }

  /** Counts a record that will be written. */
  add(draft: Draft): void {
    clearSize(this.input);
    clearSize(this.output);
    this.hasSystem = false;
    this.images = 0;
    this.messages = 0;
    for (let i = 0; i < draft.sideCount; i++) this.addSide(draft, draft.side(i));
    if (draft.kind === 'preference') this.comparePair(draft);
    for (const value of draft.values) this.addValue(draft, value.key, value.node);
    this.addTools(draft);
    this.finishRecord(draft);
  }

  private addSide(draft: Draft, side: DraftSide): void {
    const isAnswer =
      side.key !== K.prompt && side.key !== K.messages && side.key !== K.text && side.key !== K.text_pair;
    if (side.isText) {
      addPieces(this.record, draft, side.from, side.to, isAnswer ? this.output : this.input);
      return;
    }
    this.messages += side.to - side.from;
    for (let i = side.from; i < side.to; i++) {
      const message = draft.message(i);
      const isOutput = side.key === K.messages ? message.role === ROLE.assistant && message.weight !== 0 : isAnswer;
      this.addMessage(draft, message, isOutput ? this.output : this.input);
    }
  }

  private addMessage(draft: Draft, message: DraftMessage, sum: TextSize): void {
    const role = message.role;
    const unitsBefore = sum.utf16;
    const pointsBefore = sum.codePoints;
    this.roles[role] = (this.roles[role] as number) + 1;
    addPieces(this.record, draft, message.textFrom, message.textTo, sum);
    const units = sum.utf16 - unitsBefore;
    if (role === ROLE.user) this.sums.userUnits += units;
    else if (role === ROLE.assistant) this.sums.assistantUnits += units;
    else if (role === ROLE.system || role === ROLE.developer) this.hasSystem = true;
    addPieces(this.record, draft, message.reasoningFrom, message.reasoningTo, sum);
    for (let i = message.callFrom; i < message.callTo; i++) this.addCall(draft.call(i), sum);
    if (role === ROLE.assistant) {
      const points = sum.codePoints - pointsBefore;
      this.sums.assistantPoints += points;
      if (message.weight !== 0) this.sums.trainedPoints += points;
    }
    this.images += message.images;
  }

  private addCall(call: { name: number; args: number }, sum: TextSize): void {
    const { tape } = this.record;
    tape.addSize(call.name, sum);
    if (call.args < 0) addAscii(2, sum);
    else if (tape.isString(call.args)) tape.addSize(call.args, sum);
    else addAscii(jsonLength(this.record, call.args), sum);
  }

  private comparePair(draft: Draft): void {
    const chosen = this.sideLength(draft, K.chosen);
    const rejected = this.sideLength(draft, K.rejected);
    this.sums.pairs++;
    if (chosen > rejected) this.sums.chosenLonger++;
  }

  private sideLength(draft: Draft, key: Key): number {
    clearSize(this.tools);
    for (let i = 0; i < draft.sideCount; i++) {
      const side = draft.side(i);
      if (side.key !== key) continue;
      if (side.isText) addPieces(this.record, draft, side.from, side.to, this.tools);
      else for (let m = side.from; m < side.to; m++) this.addTexts(draft, draft.message(m));
    }
    return this.tools.codePoints;
  }

  private addTexts(draft: Draft, message: DraftMessage): void {
    addPieces(this.record, draft, message.textFrom, message.textTo, this.tools);
  }

  private addValue(draft: Draft, key: Key, node: number): void {
    if (key === K.label) this.addLabel(draft, node);
    else if (key === K.completions) this.addTextList(node, this.output);
    else if (key === K.input_ids) this.addTokens(node);
    else if (key === K.segments) this.addSegments(node);
  }

  private addTextList(array: number, sum: TextSize): void {
    const { tape } = this.record;
    for (let node = tape.first(array); node < tape.limit(array); node = tape.after(node)) tape.addSize(node, sum);
  }

  /** Tokens are the unit here: a label of -100 is read, all others are learned. */
  private addTokens(inputIds: number): void {
    const { tape, workspace } = this.record;
    const labels = this.record.field(K.labels);
    const counted = labels >= 0 && tape.type(labels) === TYPE.array ? labels : inputIds;
    for (let node = tape.first(counted); node < tape.limit(counted); node = tape.after(node)) {
      const isMasked = counted === labels && workspace.view.getUint8(tape.start(node)) === 0x2d;
      addAscii(1, isMasked ? this.input : this.output);
    }
  }

  private addSegments(array: number): void {
    const { tape } = this.record;
    for (let node = tape.first(array); node < tape.limit(array); node = tape.after(node)) {
      const text = tape.member(node, K.text);
      const label = tape.member(node, K.label);
      if (text >= 0) tape.addSize(text, label >= 0 && tape.type(label) === TYPE.true ? this.output : this.input);
    }
  }

  private addLabel(draft: Draft, node: number): void {
    const { tape } = this.record;
    const label = tape.isString(node) ? this.record.text(node) : this.record.sourceText(node);
    const short = label.slice(0, 100);
    if (this.labels.size < MAX_LABELS || this.labels.has(short))
      this.labels.set(short, (this.labels.get(short) ?? 0) + 1);
    if (draft.kind !== 'classification') return;
    if (tape.isString(node)) tape.addSize(node, this.output);
    else addAscii(label.length, this.output);
  }

  private addTools(draft: Draft): void {
    if (draft.toolsNode < 0) return;
    this.sums.withTools++;
    this.sums.toolsPoints += jsonLength(this.record, draft.toolsNode);
  }

  private finishRecord(draft: Draft): void {
    const { input, output, sums } = this;
    const half = draft.kind === 'preference' ? 2 : 1;
    const outputLength = Math.floor(output.codePoints / half);
    sums.inputPoints += input.codePoints;
    sums.outputPoints += output.codePoints;
    sums.inputBytes += input.bytes;
    sums.outputBytes += output.bytes;
    const tokens = draft.kind === 'tokenized' ? input.codePoints + output.codePoints : this.tokens();
    sums.tokens += tokens;
    this.lengths.tokens.add(tokens);
    if (this.messages === 0) this.addPlainUnits();
    this.addImages();
    if (this.hasSystem) sums.withSystem++;
    this.lengths.input.add(input.codePoints);
    this.lengths.output.add(outputLength);
    this.lengths.total.add(input.codePoints + outputLength);
    if (this.messages > 0) this.lengths.turns.add(this.messages);
  }

  private addPlainUnits(): void {
    this.sums.userUnits += this.input.utf16;
    this.sums.assistantUnits += this.output.utf16;
  }

  private addImages(): void {
    const { tape } = this.record;
    const list = this.record.field(K.images);
    if (list >= 0 && tape.type(list) === TYPE.array) this.images = Math.max(this.images, tape.count(list));
    this.sums.images += this.images;
    if (this.images > 0) this.sums.withImages++;
  }

  /** An estimate without a tokeniser, good to about 30 %. */
  private tokens(): number {
    const { input, output } = this;
    const latin = input.latin + output.latin;
    const cjk = input.cjk + output.cjk;
    const other = input.other + output.other;
    const ascii = input.codePoints + output.codePoints - latin - cjk - other;
    return Math.ceil(ascii / 4 + latin / 3 + cjk + other / 2) + TOKENS_PER_MESSAGE * this.messages;
  }

  /** The sums so far, as plain data; starts again from nothing. */
  take(): PartialStatistics {
    const roles: Record<string, number> = {};
    this.roles.forEach((count, role) => {
      if (count > 0) roles[ROLE_NAMES[role] as string] = count;
    });
    const lengths = Object.fromEntries(LENGTHS.map((name) => [name, this.lengths[name].take()])) as Partial['lengths'];
    const partial: Partial = { sums: { ...this.sums }, lengths, roles, labels: Object.fromEntries(this.labels) };
    this.sums = new Sums();
    this.roles.fill(0);
    this.labels = new Map();
    return { ...partial };
  }
}

export function emptyStatistics(): PartialStatistics {
  const lengths = Object.fromEntries(LENGTHS.map((name) => [name, emptyLengths()]));
  return { sums: { ...new Sums() }, lengths, roles: {}, labels: {} };
}

export function mergeStatistics(a: PartialStatistics, b: PartialStatistics): PartialStatistics {
  const left = a as unknown as Partial;
  const right = b as unknown as Partial;
  const lengths = Object.fromEntries(
    LENGTHS.map((name) => [name, mergeLengths(left.lengths[name], right.lengths[name])]),
  );
  return {
    sums: addCounts({ ...left.sums }, { ...right.sums }),
    lengths,
    roles: addCounts(left.roles, right.roles),
    labels: addCounts(left.labels, right.labels),
  };
}

function addCounts(a: Record<string, number>, b: Record<string, number>): Record<string, number> {
  const sum = new Map(Object.entries(a));
  for (const [name, count] of Object.entries(b)) sum.set(name, (sum.get(name) ?? 0) + count);
  return Object.fromEntries(sum);
}

export function finishStatistics(
  total: PartialStatistics,
  totals: { kind: Kind; sourceRecords: number; written: number; duplicates: { count: number; exact: boolean } },
): DatasetStatistics {
  const { sums, lengths, roles, labels } = total as unknown as Partial;
  const count = totals.written;
  const sides = totals.kind === 'preference' ? 2 : 1;
  const average = (sum: number): number | null => (count === 0 ? null : sum / count);
  return {
    total_examples: count,
    source_records: totals.sourceRecords,
    avg_input_length: average(sums.inputPoints),
    avg_output_length: average(sums.outputPoints / sides),
    avg_input_bytes: average(sums.inputBytes),
    avg_output_bytes: average(sums.outputBytes / sides),
    avg_tools_length: average(sums.toolsPoints),
    avg_user_length: average(sums.userUnits),
    avg_assistant_length: average(sums.assistantUnits / sides),
    total_length: finishLengths(lengths.total),
    input_length: finishLengths(lengths.input),
    output_length: finishLengths(lengths.output),
    turns: finishLengths(lengths.turns),
    roles,
    records_with: { tools: sums.withTools, images: sums.withImages, system: sums.withSystem },
    images_total: sums.images,
    labels: shownLabels(labels),
    chosen_longer_share: sums.pairs === 0 ? null : sums.chosenLonger / sums.pairs,
    trained_share: sums.assistantPoints === 0 ? null : sums.trainedPoints / sums.assistantPoints,
    duplicates: totals.duplicates,
    estimated_tokens: { value: sums.tokens, estimate: true },
    record_tokens: finishLengths(lengths.tokens),
  };
}

/** The most frequent labels; the rest in one sum. */
function shownLabels(labels: Record<string, number>): Record<string, number> {
  const ranked = Object.entries(labels).sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  const shown = Object.fromEntries(ranked.slice(0, SHOWN_LABELS));
  const rest = ranked.slice(SHOWN_LABELS).reduce((sum, [, count]) => sum + count, 0);
  return rest === 0 ? shown : { ...shown, [OTHER_LABELS]: rest };
}
