import type { S3StoreConfig } from '@/lib/storage/s3-config.ts';

export interface S3AddressParts {
  config: Pick<S3StoreConfig, 'bucket'>;
  endpoint: URL;
  pathStyle: boolean;
}

/** Where the objects of a bucket are found. */
export interface ObjectBase {
  protocol: string;
  hostname: string;
  /** With the port, as the Host header has it. */
  host: string;
  /** Of the path, before the key. */
  prefix: string;
}

/** A dot in the bucket's name would break the certificate of a host name made of it. */
export function objectBase({ endpoint, pathStyle, config }: S3AddressParts): ObjectBase {
  const inPath = pathStyle || (config.bucket.includes('.') && endpoint.protocol === 'https:');
  const bucketHost = inPath ? '' : `${config.bucket}.`;
  const path = endpoint.pathname.replace(/\/$/, '');
  return {
    protocol: endpoint.protocol,
    hostname: `${bucketHost}${endpoint.hostname}`,
    host: `${bucketHost}${endpoint.host}`,
    prefix: inPath ? `${path}/${config.bucket}` : path,
  };
}

/** The path of an object, as it is sent and signed. */
export function objectPath(base: ObjectBase, key: string): string {
  return `${base.prefix}/${key.split('/').map(encodeRfc3986).join('/')}`;
}

export function encodeQuery(query: Readonly<Record<string, string | string[] | null>>): string {
  return Object.entries(query)
    .map(([name, value]) => `${encodeRfc3986(name)}=${encodeRfc3986(String(value ?? ''))}`)
    .join('&');
}

const UNRESERVED = /^[A-Za-z0-9._~-]*$/;

/** encodeURIComponent leaves `!'()*`, which SigV4 wants encoded. */
export function encodeRfc3986(text: string): string {
  if (UNRESERVED.test(text)) return text;
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}
