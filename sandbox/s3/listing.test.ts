import * as s3 from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { refusalOf, s3ClientFor } from '@/tests/support/sandbox-clients.ts';
import { type S3Sandbox, startS3Sandbox } from './start-s3-sandbox.ts';

let sandbox: S3Sandbox;
let client: s3.S3Client;

beforeAll(async () => {
  sandbox = await startS3Sandbox();
  client = s3ClientFor(sandbox);
});

afterAll(async () => {
  client.destroy();
  await sandbox.close();
});

async function put(Bucket: string, Key: string, Body = 'x'): Promise<string | undefined> {
  return (await client.send(new s3.PutObjectCommand({ Bucket, Key, Body }))).VersionId;
}

describe('ListObjectsV2', () => {
  const Bucket = 'listed-bucket';
  const keys = ['a', 'a/1', 'a/2', 'a/b/3', 'b', 'ä&<', 'z \u{1f600}', '\uffee'];

  beforeAll(async () => {
    await sandbox.createBucket(Bucket);
    for (const key of keys) await put(Bucket, key);
  });

  it('pages through everything in the order of UTF-8 bytes', async () => {
    const found = [];
    for await (const page of s3.paginateListObjectsV2({ client, pageSize: 3 }, { Bucket })) {
      expect(page.KeyCount).toBeLessThanOrEqual(3);
      found.push(...(page.Contents ?? []).map((object) => object.Key ?? ''));
    }
    expect(found).toEqual([...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
  });

  it('rolls keys up at a delimiter, one page at a time', async () => {
    const found = [];
    for await (const page of s3.paginateListObjectsV2(
      { client, pageSize: 1 },
      { Bucket, Prefix: 'a', Delimiter: '/' },
    )) {
      found.push(...(page.Contents ?? []).map((o) => o.Key), ...(page.CommonPrefixes ?? []).map((p) => p.Prefix));
    }
    expect(found).toEqual(['a', 'a/']);
  });

  it('starts after a key, and is empty for a limit of zero', async () => {
    const list = (more: Partial<s3.ListObjectsV2CommandInput>) =>
      client.send(new s3.ListObjectsV2Command({ Bucket, ...more }));
    expect((await list({ StartAfter: 'a/2', MaxKeys: 1 })).Contents?.map((o) => o.Key)).toEqual(['a/b/3']);
    expect(await list({ MaxKeys: 0 })).toMatchObject({ KeyCount: 0, IsTruncated: false });
    expect((await refusalOf(list({ ContinuationToken: '???' }))).name).toBe('InvalidArgument');
  });

  it('speaks the old protocol too', async () => {
    const page = await client.send(new s3.ListObjectsCommand({ Bucket, MaxKeys: 2 }));
    expect(page.IsTruncated).toBe(true);
    const next = await client.send(new s3.ListObjectsCommand({ Bucket, Marker: page.Contents?.at(-1)?.Key }));
    expect(next.Contents?.[0]?.Key).toBe('a/2');
  });
});

describe('versions', () => {
  const Bucket = 'versioned-bucket';

  beforeAll(async () => await sandbox.createBucket(Bucket));

  it('are kept from the moment versioning is on, and hide behind delete markers', async () => {
    await put(Bucket, 'k', 'before');
    await client.send(new s3.PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }));
    const one = await put(Bucket, 'k', 'one');
    const two = await put(Bucket, 'k', 'two');
    const marker = await client.send(new s3.DeleteObjectCommand({ Bucket, Key: 'k' }));
    expect(marker).toMatchObject({ DeleteMarker: true });
    expect((await refusalOf(client.send(new s3.GetObjectCommand({ Bucket, Key: 'k' })))).name).toBe('NoSuchKey');
    const read = async (VersionId: string | undefined) => {
      const got = await client.send(new s3.GetObjectCommand({ Bucket, Key: 'k', VersionId }));
      return await got.Body?.transformToString();
    };
    expect([await read('null'), await read(one), await read(two)]).toEqual(['before', 'one', 'two']);
    const onMarker = await refusalOf(read(marker.VersionId));
    expect(onMarker.$metadata.httpStatusCode).toBe(405);
    await client.send(new s3.DeleteObjectCommand({ Bucket, Key: 'k', VersionId: marker.VersionId }));
    expect(await read(undefined)).toBe('two');
  });

  it('are listed newest first, in pages that cut between versions', async () => {
    const all = await client.send(new s3.ListObjectVersionsCommand({ Bucket }));
    const ids = all.Versions?.map((version) => version.VersionId) ?? [];
    expect(ids).toHaveLength(3);
    expect(all.Versions?.[0]?.IsLatest).toBe(true);
    const first = await client.send(new s3.ListObjectVersionsCommand({ Bucket, MaxKeys: 1 }));
    const rest = await client.send(
      new s3.ListObjectVersionsCommand({
        Bucket,
        KeyMarker: first.NextKeyMarker,
        VersionIdMarker: first.NextVersionIdMarker,
      }),
    );
    expect([...(first.Versions ?? []), ...(rest.Versions ?? [])].map((version) => version.VersionId)).toEqual(ids);
  });

  it('are removed for good by DeleteObjects with their ids', async () => {
    await client.send(new s3.DeleteObjectCommand({ Bucket, Key: 'k' }));
    const { Versions = [], DeleteMarkers = [] } = await client.send(new s3.ListObjectVersionsCommand({ Bucket }));
    const Objects = [...Versions, ...DeleteMarkers].map(({ Key, VersionId }) => ({ Key, VersionId }));
    const answer = await client.send(new s3.DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
    expect(answer.Deleted).toHaveLength(4);
    expect(sandbox.objects.versions('k', Bucket)).toEqual([]);
  });
});
