/**
 * The move to S3 rehearsed: a Supabase project as an old application left it is adopted and copied while people and that
 * application go on, and processes are killed with -9 at random instants. The same seed makes the same datasets, the
 * same anomalies and the same order of kills.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { castOf, type Random, seededRandom } from '@/tests/support/rehearsal/cast.ts';
import { faultsOf } from '@/tests/support/rehearsal/end-state.ts';
import { emptyLedger, type Ledger, seed } from '@/tests/support/rehearsal/seeding.ts';
import { openStage, type Stage } from '@/tests/support/rehearsal/stage.ts';
import { Traffic } from '@/tests/support/rehearsal/traffic.ts';

export interface RehearsalOptions {
  seed: number;
  datasets: number;
  kills: number;
  users?: number;
  largestBytes?: number;
  /** From one kill to the next, on average. */
  killEveryMs?: number;
  /** Between two actions of each party. */
  pauseMs?: number;
  /** How long everything may take to come to rest at the end. */
  settleMs?: number;
  say?: (text: string) => void;
}

export interface RehearsalResult {
  datasets: number;
  bytes: number;
  kills: number;
  uploads: number;
  deletions: number;
  runs: number;
  seconds: Record<'seed' | 'adopt' | 'migrate' | 'settle' | 'check', number>;
  faults: string[];
}

export async function rehearse(options: RehearsalOptions): Promise<RehearsalResult> {
  const stage = await openStage();
  try {
    return await new Rehearsal(stage, options).runToEnd();
  } finally {
    await stage.close();
  }
}

/** One for what there was, one or two for what came meanwhile, one that finds nothing. */
const MOST_RUNS = 20;

interface Run {
  id: string;
  state: string;
  counts: Record<string, number>;
  errors: { code: string; count: number; message: string }[];
}

class Rehearsal {
  readonly #stage: Stage;
  readonly #options: RehearsalOptions;
  readonly #ledger: Ledger = emptyLedger();
  readonly #random: Random;
  readonly #traffic: Traffic;
  readonly #runs = new Set<string>();
  #kills = 0;
  #told = '';

  constructor(stage: Stage, options: RehearsalOptions) {
    this.#stage = stage;
    this.#options = options;
    this.#random = seededRandom(`kills ${options.seed}`);
    this.#traffic = new Traffic(stage, this.#ledger, { seed: options.seed, pauseMs: options.pauseMs ?? 300 });
  }

  /** However it ends, nobody writes any more when it has. */
  async runToEnd(): Promise<RehearsalResult> {
    try {
      return await this.#run();
    } catch (error) {
      await this.#traffic.stop().catch((reason) => this.#say(`the traffic met ${reason}`));
      throw error;
    }
  }

  async #run(): Promise<RehearsalResult> {
    const { seed: number, datasets, users = 12, largestBytes = 200e6 } = this.#options;
    const cast = castOf(number, { datasets, users, largestBytes });
    const [seeding, bytes] = await timed(() => seed(this.#stage, cast, this.#ledger));
    this.#say(`${datasets} datasets, ${bytes} bytes stored by the old application in ${seeding} s`);
    const [adopting] = await timed(() => this.#adopt());
    this.#say(`adopted in ${adopting} s, one kill within`);
    const [migrating] = await timed(() => this.#migrate());
    this.#say(`moved in ${migrating} s with ${this.#kills} kills`);
    const [settling] = await timed(() => this.#settle());
    const [checking, faults] = await timed(() => faultsOf(this.#stage, this.#ledger));
    const seconds = { seed: seeding, adopt: adopting, migrate: migrating, settle: settling, check: checking };
    const { uploads, deletions } = this.#traffic;
    return { datasets, bytes, kills: this.#kills, uploads, deletions, runs: this.#runs.size, seconds, faults };
  }

  /** Killed once somewhere, and run again: the old application goes on all the while. */
  async #adopt(): Promise<void> {
    this.#traffic.startOld();
    const whole = 300 + this.#random() * 1500;
    await this.#stage.longshore(['adopt', '--apply', '--json'], whole);
    this.#kills += 1;
    const { code, output } = await this.#stage.longshore(['adopt', '--apply', '--json']);
    // 1: it found problems, and it should.
    if (code !== 1) throw new Error(`adopt --apply ended with ${code}:\n${output}`);
  }

  async #migrate(): Promise<void> {
    const { servers } = this.#stage;
    await servers.start();
    const reason = 'rehearsal';
    await servers.admin('/api/storage/phase', { phase: 'dual_write', confirm: true, force: true, reason });
    this.#traffic.startLongshore();
    await this.#beginRun();
    while (this.#kills < this.#options.kills) {
      await sleep(2 * this.#random() * (this.#options.killEveryMs ?? 1000));
      const victim = this.#random() < 0.5 ? 0 : 1;
      await servers.kill(victim);
      this.#kills += 1;
      await this.#goOn();
    }
    await this.#traffic.stop();
    this.#say('the last kill is done, nobody writes any more');
    while (!(await this.#goOn())) {
      if (this.#runs.size > MOST_RUNS) throw new Error('runs follow each other without coming to an end');
      await sleep(250);
    }
  }

  /** A run that ended is followed by another, for what came since. True when there was nothing left. */
  async #goOn(): Promise<boolean> {
    const runs = await this.#stage.servers.admin<{ migrations: Run[] }>('/api/storage/migrations?limit=1');
    const [last] = runs.migrations;
    this.#tell(last);
    if (last !== undefined && last.state !== 'completed' && last.state !== 'failed') return false;
    if (last !== undefined && (last.counts.done ?? 0) + (last.counts.failed ?? 0) === 0) return true;
    await this.#beginRun();
    return false;
  }

  /** Once for each state of things, so that a long rehearsal shows that it lives. */
  #tell(run: Run | undefined): void {
    const state = `${this.#kills} kills; run ${this.#runs.size} ${run?.state}: ${JSON.stringify(run?.counts)} ${errorsOf(run)}`;
    if (state !== this.#told) this.#say(state);
    this.#told = state;
  }

  async #beginRun(): Promise<void> {
    const { servers } = this.#stage;
    const planned = await servers.admin<{ migration: Run }>('/api/storage/migrations', {});
    this.#runs.add(planned.migration.id);
    await servers.admin(`/api/storage/migrations/${planned.migration.id}/resume`, {});
  }

  /** Until background work has nothing left. What runs on a schedule is made due, so that nobody waits for the clock. */
  async #settle(): Promise<void> {
    const { pool, servers } = this.#stage;
    const giveUpAt = Date.now() + (this.#options.settleMs ?? 120_000);
    for (;;) {
      await pool.query(
        "update longshore.schedules set next_run_at = now() where name in ('sweep_adoption', 'reconcile_placement')",
      );
      await sleep(1000);
      const left = await this.#unsettled();
      if (left === '' && (await this.#goOn())) return servers.stop();
      if (Date.now() > giveUpAt) {
        this.#say(`did not come to rest: ${left}`);
        return servers.stop();
      }
    }
  }

  /** What is still under way; empty when nothing is. */
  async #unsettled(): Promise<string> {
    const { rows } = await this.#stage.pool.query<Record<string, string>>(`
      select
        (select count(*) from longshore.legacy_deletes) as deletes,
        (select count(*) from longshore.spools) as spools,
        (select count(*) from longshore.dataset_replicas where state not in ('completed', 'missing') or (verified_at is null and state = 'completed')) as copies,
        (select count(*) from longshore.adopted_datasets a where (a.state = 'waiting' or a.s3_state = 'waiting')) as waiting,
        (select count(*) from training_datasets where deleted_at is not null or status <> 'ready') as datasets,
        (select count(*) from longshore.adopted_datasets a where state = 'adopted' and inspected_at is null
           and exists (select 1 from longshore.dataset_replicas r where r.dataset_id = a.dataset_id and r.state = 'completed')) as unread`);
    const open = Object.entries(rows[0] ?? {}).filter(([, count]) => Number(count) > 0);
    return open.map(([name, count]) => `${count} ${name}`).join(', ');
  }

  #say(text: string): void {
    this.#options.say?.(text);
  }
}

function errorsOf(run: Run | undefined): string {
  return (run?.errors ?? []).map(({ code, count, message }) => `${count} ${code} (${message})`).join(', ');
}

async function timed<T>(work: () => Promise<T>): Promise<[number, T]> {
  const startedAt = performance.now();
  const result = await work();
  return [Math.round((performance.now() - startedAt) / 100) / 10, result];
}
