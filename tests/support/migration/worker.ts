/**
 * One of several processes that work on a run. Its argument is a WorkerTask as JSON. Says `ready`, and `over STATE` when
 * the run is. Ends at SIGTERM by handing over what it holds.
 */
import { type NodeSettings, openMigrationNode } from './node.ts';

export interface WorkerTask {
  settings: NodeSettings;
  runId: string;
  owner: string;
}

const task = JSON.parse(process.argv[2] ?? '') as WorkerTask;
const stopping = new AbortController();
process.once('SIGTERM', () => stopping.abort());
const node = await openMigrationNode(task.settings);
process.stdout.write('ready\n');
const run = await node.migration.worker.work(task.runId, task.owner, stopping.signal);
process.stdout.write(`over ${run.state} ${process.resourceUsage().maxRSS}\n`);
await node.close();
