/**
 * Rules for the values that people paste into a secret. A rule returns what is wrong, as a sentence that says what to
 * do, or undefined. No sentence repeats the value of a secret.
 *
 * Sources: Amazon S3 user guide (bucket naming rules), IAM user guide (identifiers, reference of ARNs).
 */
export type Rule = (value: string) => string | undefined;

/** White space, and characters of web pages that nobody sees. */
const INVISIBLE = /[\s\u200b-\u200d\u2060\ufeff]/;

/** Without what surrounds a pasted value: white space, invisible characters, one pair of quotes. */
export function cleanPasted(value: string): string {
  const bare = trimInvisible(value);
  const quoted = bare.length > 1 && (bare[0] === '"' || bare[0] === "'") && bare.at(-1) === bare[0];
  return quoted ? trimInvisible(bare.slice(1, -1)) : bare;
}

/** From both ends, in linear time whatever is pasted. */
function trimInvisible(value: string): string {
  let [start, end] = [0, value.length];
  while (start < end && INVISIBLE.test(value.charAt(start))) start += 1;
  while (end > start && INVISIBLE.test(value.charAt(end - 1))) end -= 1;
  return value.slice(start, end);
}

const AWS_ACCESS_KEY_ID = /^(AKIA|ASIA)[A-Z2-7]{16}$/;
const AWS_SECRET_KEY = /^[A-Za-z0-9/+=]{40}$/;

export const looksLikeAccessKeyId = (value: string): boolean => AWS_ACCESS_KEY_ID.test(value);

/** A 40-character secret: an access key id is shorter and has only capitals and digits. */
export const looksLikeSecretKey = (value: string): boolean => AWS_SECRET_KEY.test(value);

export const awsAccessKeyId: Rule = (value) => {
  if (value.startsWith('ASIA')) {
    return 'This is a temporary key (ASIA...): it expires within hours. Give a key of an IAM user (AKIA...), or a role_arn.';
  }
  if (value.startsWith('AROA') || value.startsWith('AIDA')) {
    return 'This is the id of a role or user, not an access key id. An access key id starts with AKIA.';
  }
  if (AWS_ACCESS_KEY_ID.test(value)) return undefined;
  return 'An AWS access key id is AKIA followed by 16 capitals and digits (20 characters). Copy it from IAM > Users > Security credentials.';
};

export const awsSecretKey: Rule = (value) => {
  if (/\s/.test(value))
    return 'There is a space or a line break inside the secret access key. Copy it again in one piece.';
  if (AWS_SECRET_KEY.test(value)) return undefined;
  return `An AWS secret access key has 40 characters; this one has ${value.length}. Copy it again in one piece.`;
};

/** Keys of stores that are not AWS have no common form. */
export const compatibleKey: Rule = (value) => {
  if (value.length < 1 || value.length > 256) return 'A key has 1 to 256 characters.';
  return /^[\x21-\x7e]+$/.test(value) ? undefined : 'A key has no spaces, line breaks or characters outside ASCII.';
};

const BUCKET_ADDRESS =
  /^(?:s3:\/\/|arn:aws[a-z-]*:s3:::|https?:\/\/s3[.-](?:[a-z0-9-]+\.)?amazonaws\.com\/)([^/?#]+)|^https?:\/\/([^/]+?)\.s3[.-][^/]*amazonaws\.com/;

function bucketInAddress(value: string): string | undefined {
  const found = BUCKET_ADDRESS.exec(value);
  const bucket = found?.[1] ?? found?.[2];
  if (bucket === undefined) return undefined;
  return `This is an address. Give the bucket's name alone: ${bucket}`;
}

export const awsBucket: Rule = (value) => {
  const inAddress = bucketInAddress(value);
  if (inAddress !== undefined) return inAddress;
  if (value.includes('/')) return 'Give the name of the bucket alone, without a folder or prefix.';
  if (value.length < 3 || value.length > 63)
    return `A bucket's name has 3 to 63 characters; this one has ${value.length}.`;
  if (/[A-Z]/.test(value)) return "A bucket's name has no capitals. Copy it from the S3 console.";
  if (!/^[a-z0-9.-]+$/.test(value)) return "A bucket's name has only small letters, digits, dots and hyphens.";
  return bucketShape(value);
};

const bucketShape: Rule = (value) => {
  if (!/^[a-z0-9].*[a-z0-9]$/.test(value)) return "A bucket's name begins and ends with a letter or a digit.";
  if (value.includes('..')) return "A bucket's name has no two dots in a row.";
  if (/^\d+\.\d+\.\d+\.\d+$/.test(value)) return "A bucket's name cannot look like an IP address.";
  if (/^(xn--|sthree-|amzn-s3-demo-)/.test(value) || /(-s3alias|--ol-s3|--x-s3|--table-s3|\.mrap)$/.test(value)) {
    return 'Amazon reserves names of this form (access points, directory buckets, ...). Give a general purpose bucket.';
  }
  return undefined;
};

/** Stores that are not AWS: older rules allow capitals and underscores. */
export const compatibleBucket: Rule = (value) => {
  const inAddress = bucketInAddress(value);
  if (inAddress !== undefined) return inAddress;
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{1,62}$/.test(value) && !value.includes('..')) return undefined;
  return "A bucket's name has 2 to 63 letters, digits, dots, hyphens and underscores, without a folder or address.";
};

export const awsRegion: Rule = (value) => {
  if (/^[a-z]{2,3}(-[a-z]+){1,3}-\d{1,2}$/.test(value)) return undefined;
  const zone = /^([a-z]{2}(?:-[a-z]+){1,3}-\d{1,2})[a-z]$/.exec(value)?.[1];
  if (zone !== undefined) return `This is an availability zone. Its region is ${zone}`;
  return 'A region is written like us-east-1 or eu-central-1. It stands in the S3 console beside the bucket.';
};

export const compatibleRegion: Rule = (value) =>
  /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/.test(value)
    ? undefined
    : 'A region is one word, like auto, default or us-east-1. Leave it out when your store has none.';

export const roleArn: Rule = (value) => {
  if (/^arn:aws(-cn|-us-gov)?:iam::\d{12}:role\/[\w+=,.@/-]{1,512}$/.test(value)) return undefined;
  if (/:(user|group)\//.test(value))
    return "This is the ARN of a user or group. A role's looks like arn:aws:iam::123456789012:role/NAME";
  if (value.includes(':assumed-role/'))
    return 'This is a session of a role. Give the role itself: arn:aws:iam::123456789012:role/NAME';
  return "The ARN of a role looks like arn:aws:iam::123456789012:role/NAME. Copy it from the role's page in IAM.";
};

/** The form alone. Where the address leads is checked at every connect by lib/storage/endpoint-guard. */
export const endpointUrl: Rule = (value) => {
  if (!URL.canParse(value) || !/^https?:\/\//i.test(value))
    return 'An endpoint is an address like https://minio.example.org:9000';
  const url = new URL(value);
  if (url.username !== '' || url.password !== '') return 'An endpoint holds no user name or password.';
  if (url.search !== '' || url.hash !== '') return 'An endpoint has no ? or # part.';
  if (url.pathname !== '/') return `An endpoint is the store's address without a path or bucket: ${url.origin}`;
  return undefined;
};

const TOKEN_OWNERS: readonly { prefix: RegExp; owner: string }[] = [
  { prefix: /^hf_/, owner: 'Hugging Face' },
  { prefix: /^rpa_/, owner: 'RunPod' },
  { prefix: /^secret_/, owner: 'Lambda Cloud' },
  { prefix: /^(AKIA|ASIA)[A-Z2-7]{16}$/, owner: 'AWS' },
  { prefix: /^sk-/, owner: 'OpenAI or a service like it' },
  { prefix: /^gh[pousr]_|^github_pat_/, owner: 'GitHub' },
];

/** A bearer token of `owner`. Tells a token that evidently belongs to somebody else. */
export const bearerToken =
  (owner: string): Rule =>
  (value) => {
    if (/\s/.test(value)) return 'There is a space or a line break inside the key. Copy it again in one piece.';
    if (!/^[\x21-\x7e]{8,512}$/.test(value))
      return 'An API key has 8 to 512 ASCII characters. Copy it again in one piece.';
    const found = TOKEN_OWNERS.find(({ prefix }) => prefix.test(value))?.owner;
    if (found === undefined || found === owner) return undefined;
    return `This looks like a key of ${found}, not of ${owner}.`;
  };

export const userName: Rule = (value) =>
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,95}$/.test(value)
    ? undefined
    : 'A user name has letters, digits, dots, hyphens and underscores, as in huggingface.co/NAME.';

export const sshKeyName: Rule = (value) =>
  /^[\x20-\x7e]{1,64}$/.test(value)
    ? undefined
    : 'Give the name of the SSH key (up to 64 characters) as Lambda Cloud shows it, not the key.';
