import { K, type KeyName } from '../keys.ts';
import type { RecordContext } from '../record.ts';
import { isBlankText } from '../white-space.ts';
import type { FormatReader } from './format.ts';
import { textSide } from './sides.ts';

const TEXTS: readonly KeyName[] = ['text', 'content', 'document', 'raw_content'];

/** {text}: documents for continued pretraining. */
export const text: FormatReader = {
  format: 'text',
  kind: 'text',
  matches: (record) => textKey(record) !== undefined,
  read(record, draft) {
    const source = textKey(record) ?? 'text';
    if (source !== 'text') {
      draft.asIs = false;
      draft.keepsPlace = false;
    }
    const side = textSide(record, draft, 'text', source);
    if (side !== undefined && isBlankText(record, record.field(K[source]))) {
      record.report('E_FIELD_TYPE', record.field(K[source]), { expected: 'a text', found: 'nothing but white space' });
    }
  },
};

function textKey(record: RecordContext): KeyName | undefined {
  return TEXTS.find((key) => record.isText(K[key]));
}
