import type { Pod } from './runpod-pods.ts';
import { RunpodProblem } from './runpod-problem.ts';

/** Fields of CreatePodRequest; any other is refused by name. */
const FIELDS = [
  'args',
  'cloud',
  'cmd',
  'cpu',
  'dataCenterIds',
  'disk',
  'entrypoint',
  'env',
  'globalNetworking',
  'gpu',
  'image',
  'mounts',
  'name',
  'ports',
  'registry',
  'startJupyter',
  'startSsh',
  'templateId',
];

type Body = Record<string, unknown>;
type Check = [field: string, wanted: string, isRight: (value: unknown) => boolean];

const CHECKS: Check[] = [
  ['name', 'a string of at least 1 character', (v) => typeof v === 'string' && v.length > 0],
  ['image', 'a string', isOptional(isString)],
  ['args', 'a string', isOptional(isString)],
  ['cmd', 'an array of strings', isOptional(isStrings)],
  ['entrypoint', 'an array of strings', isOptional(isStrings)],
  ['ports', 'an array of strings', isOptional(isStrings)],
  ['dataCenterIds', 'an array of strings', isOptional(isStrings)],
  ['disk', 'an integer of at least 1', isOptional(isCount)],
  ['env', 'an object of strings', isOptional(isStringMap)],
  ['cloud', 'SECURE or COMMUNITY', isOptional((v) => v === 'SECURE' || v === 'COMMUNITY')],
  [
    'gpu',
    'an object with an id',
    isOptional((v) => isString((v as Body | null)?.id) && isOptional(isCount)((v as Body).count)),
  ],
];

function isOptional(isRight: (value: unknown) => boolean): (value: unknown) => boolean {
  return (value) => value === undefined || isRight(value);
}

function isString(value: unknown): boolean {
  return typeof value === 'string';
}

function isStrings(value: unknown): boolean {
  return Array.isArray(value) && value.every(isString);
}

function isStringMap(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.values(value).every(isString);
}

function isCount(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 1;
}

/** 422 for what does not fit the contract, 400 for what breaks a rule between fields. CPU pods are not played. */
export function readPodRequest(body: Body): Omit<Pod, 'id' | 'status' | 'createdAt' | 'startedAt'> {
  const unknown = Object.keys(body).filter((field) => !FIELDS.includes(field));
  const errors = [
    ...unknown.map((field) => `${field}: unknown field`),
    ...CHECKS.filter(([field, , isRight]) => !isRight(body[field])).map(
      ([field, wanted]) => `${field}: must be ${wanted}`,
    ),
  ];
  if (errors.length > 0) throw new RunpodProblem(422, 'Request validation failed.', errors);
  if ((body.gpu === undefined) === (body.cpu === undefined)) throw new RunpodProblem(400, 'exactly one of gpu or cpu');
  if (body.image === undefined) throw new RunpodProblem(400, 'image is required unless templateId is set');
  return fromBody(body as unknown as CreatePodRequest);
}

interface CreatePodRequest {
  name: string;
  image: string;
  gpu?: { id: string; count?: number };
  args?: string;
  cmd?: string[];
  entrypoint?: string[];
  disk?: number;
  env?: Record<string, string>;
  ports?: string[];
  cloud?: Pod['cloud'];
  dataCenterIds?: string[];
}

function fromBody(body: CreatePodRequest): Omit<Pod, 'id' | 'status' | 'createdAt' | 'startedAt'> {
  return {
    name: body.name,
    image: body.image,
    args: body.args ?? '',
    cmd: body.cmd ?? [],
    entrypoint: body.entrypoint ?? [],
    disk: body.disk ?? 20,
    env: body.env ?? {},
    ports: body.ports ?? [],
    gpu: { id: body.gpu?.id ?? '', count: body.gpu?.count ?? 1 },
    cloud: body.cloud ?? 'SECURE',
    dataCenterId: body.dataCenterIds?.[0] ?? 'US-KS-2',
  };
}
