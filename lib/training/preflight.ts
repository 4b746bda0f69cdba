import { isIP } from 'node:net';
import type { Dataset } from '@/lib/datasets/dataset.ts';
import { LongshoreError } from '@/lib/errors.ts';
import type { IngestReport, TargetName } from '@/lib/ingest/types.ts';
import type { CheckResult } from '@/lib/secrets/doctor/report.ts';
import type { HttpSend } from '@/lib/secrets/http-port.ts';
import { describeProvider } from '@/lib/secrets/providers/provider-registry.ts';
import type { SecretProvider } from '@/lib/secrets/secrets.types.ts';
import type { SecretsManager } from '@/lib/secrets/secrets-manager.ts';
import { addressRefusal } from '@/lib/storage/address-rules.ts';
import type { DeployTarget, LaunchDataset } from './deploy-targets/deploy-target.ts';
import { checkOf, type PreflightCheck, type PreflightReport, reportOf } from './deploy-targets/preflight-check.ts';

/** What runs on machines of one's own; the other targets of ingest are services that train elsewhere. */
export const TRAINERS = ['trl', 'llamafactory', 'axolotl', 'torchtune'] as const satisfies TargetName[];
export type Trainer = (typeof TRAINERS)[number];

export interface PreflightQuestion<Options> {
  userId: string;
  target: DeployTarget<Options>;
  options: Options;
  dataset: Dataset;
  launch: LaunchDataset;
  /** What the user will train with, where it was said. */
  trainer: Trainer | undefined;
}

export interface PreflightParts {
  secrets: Pick<SecretsManager, 'list' | 'testStored'>;
  report(userId: string, datasetId: string): Promise<IngestReport | undefined>;
  /** Where machines reach this installation. */
  baseUrl: URL;
  /** Asks ourselves by that address. */
  send: HttpSend;
  now: () => Date;
}

/** A test that passed so short a time ago is believed. */
const TESTED_RECENTLY_MS = 10 * 60_000;
const PROBE_TIMEOUT_MS = 5_000;
/** Archive, unpacked data, and room to work. */
const DISK_MARGIN = 1.2;

/** Looks at everything that can be known before money is spent. */
export class Preflight {
  readonly #parts: PreflightParts;

  constructor(parts: PreflightParts) {
    this.#parts = parts;
  }

  async run<Options>(question: PreflightQuestion<Options>): Promise<PreflightReport> {
    const { target, userId, options, launch } = question;
    const [format, credentials, own, url] = await Promise.all([
      this.#format(question),
      target.provider === undefined ? [] : this.#credentials(userId, target.provider),
      target.checks(userId, options, launch),
      target.provider !== undefined && target.callsBack(options) ? this.#url() : [],
    ]);
    return reportOf([readiness(question.dataset), format, ...credentials, ...own, ...disk(question), ...url]);
  }

  async #format({ userId, dataset, trainer }: PreflightQuestion<unknown>): Promise<PreflightCheck> {
    const check = checkOf('dataset_not_for_trainer', 'Format');
    const verdicts = (await this.#parts.report(userId, dataset.id))?.targets;
    if (verdicts === undefined) {
      return check.warning(
        'Nobody has looked whether trainers take this dataset.',
        'Upload it again to have it checked.',
      );
    }
    const wanted = verdicts.filter(({ target }) => (trainer === undefined ? isTrainer(target) : target === trainer));
    const taking = wanted.filter(({ accepted }) => accepted).map(({ target }) => target);
    if (taking.length > 0)
      return check.ok(`${taking.join(', ')} ${taking.length === 1 ? 'takes' : 'take'} it as it is.`);
    const codes = [...new Set(wanted.flatMap(({ refuses }) => refuses.map(({ code }) => code)))].join(', ');
    const remedy = 'See GET /api/training/dataset/{id}/report, and mend the records or choose another trainer.';
    if (trainer !== undefined) return check.failed(`${trainer} refuses this dataset (${codes}).`, remedy);
    return check.warning(`No trainer that is known here takes this dataset as it is (${codes}).`, remedy);
  }

  async #credentials(userId: string, provider: SecretProvider): Promise<PreflightCheck[]> {
    const { title } = describeProvider(provider);
    const active = (await this.#parts.secrets.list(userId)).find(
      (secret) => secret.provider === provider && secret.state === 'active',
    );
    if (active === undefined) {
      const check = checkOf('target_secret_missing', 'Credentials');
      return [check.failed(`You have no ${title} credentials here.`, `Store them with PUT /api/secrets/${provider}.`)];
    }
    const check = checkOf('target_key_refused', 'Credentials');
    const testedAt = active.tested_at === null ? 0 : Date.parse(active.tested_at);
    const recent = this.#parts.now().getTime() - testedAt < TESTED_RECENTLY_MS && active.report?.status === 'ok';
    return recent ? [check.ok(`${title} accepted them a short while ago.`)] : [await this.#test(userId, provider)];
  }

  async #test(userId: string, provider: SecretProvider): Promise<PreflightCheck> {
    const check = checkOf('target_key_refused', 'Credentials');
    try {
      const { report } = await this.#parts.secrets.testStored(userId, provider, { actor: userId });
      if (report.status === 'ok') return check.ok(report.summary);
      const remedy = report.checks.find(isRequiredFailure)?.remedy ?? 'Test them again later.';
      return report.status === 'failed' ? check.failed(report.summary, remedy) : check.warning(report.summary, remedy);
    } catch (error) {
      if (!(error instanceof LongshoreError)) throw error;
      return check.warning(error.message, error.hint ?? 'Test them again later.');
    }
  }

  async #url(): Promise<PreflightCheck[]> {
    const { baseUrl } = this.#parts;
    const check = checkOf('public_url_unreachable', 'Address of this installation');
    const inside = privateReason(baseUrl);
    if (inside !== undefined) {
      const what = `${baseUrl.origin} is ${inside}: a rented machine cannot reach it.`;
      return [check.warning(what, 'Set PUBLIC_URL to an address that the Internet reaches, and restart.')];
    }
    const answered = await this.#answers();
    if (!answered) {
      return [
        check.warning(
          `${baseUrl.origin} does not answer from here.`,
          'See that PUBLIC_URL is right and that a proxy in front lets everything below it through.',
        ),
      ];
    }
    if (baseUrl.protocol === 'https:') return [check.ok(`${baseUrl.origin} answers.`)];
    return [
      check.warning(
        `${baseUrl.origin} is not encrypted: the job’s token can be read on the way.`,
        'Put Longshore behind https and set PUBLIC_URL.',
      ),
    ];
  }

  async #answers(): Promise<boolean> {
    const url = new URL('/training_server.py', this.#parts.baseUrl);
    try {
      const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
      return (await this.#parts.send({ method: 'HEAD', url, signal })).status === 200;
    } catch {
      // No answer is the answer: the check says so.
      return false;
    }
  }
}

function isTrainer(target: TargetName): boolean {
  return (TRAINERS as readonly string[]).includes(target);
}

function isRequiredFailure(check: CheckResult): boolean {
  return check.required && check.status === 'failed';
}

function readiness(dataset: Dataset): PreflightCheck {
  const check = checkOf(dataset.status === 'ready' ? 'dataset_not_indexed' : 'dataset_uploading', 'Dataset');
  if (dataset.status !== 'ready') return check.failed('The dataset is not ready yet.', 'Ask again in a moment.');
  if (dataset.contentSha256 !== null) return check.ok('The dataset is ready.');
  return check.failed('The hash of this dataset is not known yet.', 'Ask again once it has been indexed.');
}

function disk<Options>({ target, options, launch }: PreflightQuestion<Options>): PreflightCheck[] {
  const check = checkOf('disk_too_small', 'Disk');
  const room = target.diskBytes(options);
  if (room === undefined) return [];
  const { objectSizeBytes, contentSizeBytes } = launch;
  if (objectSizeBytes === null || contentSizeBytes === null) {
    return [check.warning('The size of the dataset is not known yet.', 'Choose a disk that is large enough.')];
  }
  const needed = Math.ceil((objectSizeBytes + contentSizeBytes) * DISK_MARGIN);
  const words = `The dataset needs ${gigabytes(needed)} packed and unpacked; the disk has ${gigabytes(room)}`;
  if (needed <= room) return [check.ok(`${words}, image and checkpoints not counted.`)];
  return [check.failed(`${words}.`, `Ask for at least ${gigabytes(needed)} and room for the image and checkpoints.`)];
}

function gigabytes(bytes: number): string {
  return `${Math.max(0.01, bytes / 1e9).toFixed(bytes < 1e9 ? 2 : 0)} GB`;
}

/** Why nobody outside can reach an address; undefined where they may. Names are not looked up: they may differ outside. */
function privateReason({ hostname }: URL): string | undefined {
  const bare = hostname.replace(/^\[|\]$/g, '');
  if (isIP(bare) !== 0) return addressRefusal(bare);
  if (bare === 'localhost' || bare.endsWith('.localhost')) return 'loopback';
  return !bare.includes('.') || /\.(local|internal|lan|home\.arpa)$/.test(bare)
    ? 'a name of a local network'
    : undefined;
}
