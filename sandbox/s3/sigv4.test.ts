import { describe, expect, it } from 'vitest';
import { readAll } from '@/sandbox/exchange.ts';
import { decodeAwsChunked } from './aws-chunked.ts';
import { expectedSignature, readClaim } from './sigv4.ts';

/** The worked examples of the AWS documentation on Signature Version 4 for S3 (user AKIAIOSFODNN7EXAMPLE). */
const SECRET = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const CREDENTIAL = 'AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request';

function signatureOf(parts: {
  method: string;
  path: string;
  rawQuery?: string;
  headers: Record<string, string>;
}): string {
  const request = { rawQuery: '', ...parts };
  const claim = readClaim(request, new URLSearchParams(request.rawQuery));
  if (claim === undefined) throw new Error('no claim');
  return expectedSignature(request, claim, SECRET).signature;
}

const PUT_HEADERS = {
  host: 's3.amazonaws.com',
  'content-encoding': 'aws-chunked',
  'content-length': '66824',
  'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
  'x-amz-date': '20130524T000000Z',
  'x-amz-decoded-content-length': '66560',
  'x-amz-storage-class': 'REDUCED_REDUNDANCY',
  authorization: `AWS4-HMAC-SHA256 Credential=${CREDENTIAL},SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class,Signature=x`,
};

describe('signatures of the AWS examples', () => {
  it('GET with a range header', () => {
    const headers = {
      host: 'examplebucket.s3.amazonaws.com',
      range: 'bytes=0-9',
      'x-amz-content-sha256': EMPTY,
      'x-amz-date': '20130524T000000Z',
      authorization: `AWS4-HMAC-SHA256 Credential=${CREDENTIAL},SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=x`,
    };
    expect(signatureOf({ method: 'GET', path: '/test.txt', headers })).toBe(
      'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    );
  });

  it('a presigned GET', () => {
    const rawQuery = `X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=${encodeURIComponent(CREDENTIAL)}&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=x`;
    const headers = { host: 'examplebucket.s3.amazonaws.com' };
    expect(signatureOf({ method: 'GET', path: '/test.txt', rawQuery, headers })).toBe(
      'aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
    );
  });

  it('the headers of a signed chunked upload', () => {
    expect(signatureOf({ method: 'PUT', path: '/examplebucket/chunkObject.txt', headers: PUT_HEADERS })).toBe(
      '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9',
    );
  });
});

describe('signed chunks', () => {
  const SIGNATURES = [
    'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648',
    '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497',
    'b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9',
  ];

  function encoded(sizes: number[], signatures: string[]): Buffer {
    const chunks = sizes.map((size, i) => {
      const head = `${size.toString(16)};chunk-signature=${signatures[i]}\r\n`;
      return `${head}${'a'.repeat(size)}\r\n`;
    });
    return Buffer.from(chunks.join(''));
  }

  async function decode(body: Buffer): Promise<number> {
    const request = { method: 'PUT', path: '/examplebucket/chunkObject.txt', rawQuery: '', headers: PUT_HEADERS };
    const claim = readClaim(request, new URLSearchParams());
    if (claim === undefined) throw new Error('no claim');
    const signing = { timestamp: claim.timestamp, seed: expectedSignature(request, claim, SECRET) };
    const source = (async function* () {
      for (let i = 0; i < body.length; i += 1000) yield body.subarray(i, i + 1000);
    })();
    const options = { signing, trailerNames: [], trailers: new Map<string, string>() };
    return (await readAll(decodeAwsChunked(source, options), 1e6)).length;
  }

  it('decode when each signature follows from the one before', async () => {
    expect(await decode(encoded([65_536, 1024, 0], SIGNATURES))).toBe(66_560);
  });

  it('are refused when one is swapped, altered or missing', async () => {
    const [first = '', second = '', third = ''] = SIGNATURES;
    await expect(decode(encoded([65_536, 1024, 0], [second, first, third]))).rejects.toThrow(/signature/);
    await expect(decode(encoded([65_536, 1023, 0], SIGNATURES))).rejects.toThrow(/signature/);
    await expect(decode(encoded([65_536, 1024], SIGNATURES))).rejects.toMatchObject({ code: 'IncompleteBody' });
  });
});
