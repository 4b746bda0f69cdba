/** Runs the engine on a disk whose fsync works for one commit and fails in the next. */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { ensureCluster } from '@/lib/db/embedded/cluster-folder.ts';

const realFsync = fs.fsyncSync;
let logSyncs = 0;
let broken = false;
fs.fsyncSync = (fd) => {
  const isLog = fs.readlinkSync(`/proc/self/fd/${fd}`).includes('/pg_wal/');
  if (isLog && broken) throw Object.assign(new Error('EIO: i/o error, fsync'), { code: 'EIO' });
  if (isLog) logSyncs += 1;
  realFsync(fd);
};
syncBuiltinESMExports();

const { Engine } = await import('@/lib/db/embedded/engine.ts');
const dataDir = String(process.argv[2]);
fs.mkdirSync(dataDir, { recursive: true });
const engine = await Engine.start({
  folder: await ensureCluster(dataDir),
  onLog: (line) => fs.writeSync(2, `${line}\n`),
  onPanic: () => process.exit(70),
});
await engine.execute('create table t (id integer)');
logSyncs = 0;
await engine.execute('insert into t values (1)');
fs.writeSync(1, `fsyncs of the log before the answer: ${logSyncs}\n`);
broken = true;
await engine.execute('insert into t values (2)');
fs.writeSync(1, 'a commit that is not on the disk was answered\n');
