import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { xmlText, xmlTexts } from '@/lib/secrets/aws/aws-request.ts';

describe('xmlText', () => {
  it('reads the text of an element, with attributes and entities', () => {
    expect(xmlText('<Error><Code>AccessDenied</Code><Message>a &lt;b&gt; &amp;c</Message></Error>', 'Message')).toBe(
      'a <b> &c',
    );
    expect(xmlText('<A xmlns="http://x/">1</A>', 'A')).toBe('1');
    expect(xmlText('<LocationConstraint/>', 'LocationConstraint')).toBeUndefined();
    expect(xmlText('<Codes>no</Codes><Code>yes</Code>', 'Code')).toBe('yes');
    expect(xmlText('<Code></Code>', 'Code')).toBe('');
    expect(xmlTexts('<V>1</V><W>x</W><V>2</V><V>3</V>', 'V', 2)).toEqual(['1', '2']);
  });

  it('reads any text back that was escaped into it', () => {
    const encoded = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(xmlText(`<E><M>${encoded(text)}</M></E>`, 'M')).toBe(text);
      }),
    );
  });

  it.each(['<Code ', '<Code>', '<Code a>', '<Code></Cod', '<'])('ends soon on a megabyte of %j', (piece) => {
    expect(xmlText(piece.repeat(Math.floor(2 ** 20 / piece.length)), 'Code')).toBeUndefined();
  });
});
