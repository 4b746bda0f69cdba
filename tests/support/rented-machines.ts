/** What stands behind a provider's API: the container or the machine that it starts, as processes of this machine. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import type { Instance } from '@/sandbox/providers/lambda-instances.ts';
import type { Pod } from '@/sandbox/providers/runpod-pods.ts';
import type { TrainingJob } from '@/sandbox/providers/sagemaker-jobs.ts';
import type { S3Sandbox } from '@/sandbox/s3/start-s3-sandbox.ts';
import { s3ClientFor } from './sandbox-clients.ts';

/** Runs what the providers were asked to run. Their folders are removed at the end. */
export class RentedMachines {
  readonly #children = new Set<ChildProcess>();
  readonly #folders: string[] = [];
  #output = '';

  /** All that the machines wrote to their consoles. */
  get output(): string {
    return this.#output;
  }

  runPod(pod: Readonly<Pod>): void {
    const [program = '', ...rest] = [...pod.entrypoint, ...pod.cmd];
    void this.#folder().then((cwd) => this.#start(program, rest, { env: pod.env, cwd }));
  }

  /** As cloud-init would, with the folder of the machine in another place. */
  runInstance(instance: Readonly<Instance>): void {
    void this.#boot((instance.user_data ?? '').replace('#cloud-config\n', ''));
  }

  /** As SageMaker would: the channel is in its folder before the container starts. */
  runTrainingJob(s3: S3Sandbox, job: Readonly<TrainingJob>): void {
    void this.#train(s3, job.request);
  }

  async stop(): Promise<void> {
    const ended = [...this.#children].map((child) => {
      child.kill('SIGKILL');
      return child.exitCode === null && child.signalCode === null ? once(child, 'close') : undefined;
    });
    await Promise.all(ended);
    await Promise.all(this.#folders.map((folder) => rm(folder, { recursive: true, force: true })));
  }

  async #boot(userData: string): Promise<void> {
    const cwd = await this.#folder();
    const config = JSON.parse(userData.replaceAll('/opt/longshore', cwd)) as {
      write_files: { path: string; permissions: string; content: string }[];
      runcmd: string[][];
    };
    for (const { path, permissions, content } of config.write_files) {
      await writeFile(path, content, { mode: Number.parseInt(permissions, 8) });
    }
    const [, ...command] = config.runcmd[0] ?? [];
    this.#start('python3', [command.at(-1) ?? ''], { env: {}, cwd });
  }

  async #train(s3: S3Sandbox, request: TrainingJob['request']): Promise<void> {
    const cwd = await this.#folder();
    for (const { ChannelName, DataSource } of request.InputDataConfig ?? []) {
      const [, Bucket = '', Key = ''] = /^s3:\/\/([^/]+)\/(.+)$/.exec(DataSource.S3DataSource?.S3Uri ?? '') ?? [];
      const { Body } = await s3ClientFor(s3).send(new GetObjectCommand({ Bucket, Key }));
      const folder = join(cwd, 'input/data', ChannelName);
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, basename(Key)), (await Body?.transformToByteArray()) ?? '');
    }
    const { ContainerEntrypoint: entry = [], ContainerArguments: pieces = [] } = request.AlgorithmSpecification as {
      ContainerEntrypoint?: string[];
      ContainerArguments?: string[];
    };
    const code = Buffer.from(pieces.join(''), 'base64').toString().replaceAll('/opt/ml', cwd);
    const [program = '', ...args] = [...entry, Buffer.from(code).toString('base64')];
    this.#start(program, args, { env: request.Environment ?? {}, cwd });
  }

  async #folder(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'longshore-machine-'));
    this.#folders.push(folder);
    return folder;
  }

  #start(program: string, args: string[], { env, cwd }: { env: Readonly<Record<string, string>>; cwd: string }): void {
    const child = spawn(program, args, {
      env: { PATH: process.env.PATH, PYTHONDONTWRITEBYTECODE: '1', TMPDIR: cwd, ...env },
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#children.add(child);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
      });
    }
  }
}
