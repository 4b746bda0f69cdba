import { letHeapGrow } from '@/lib/config/heap-growth.ts';
import { runServer } from './run.ts';

letHeapGrow();
process.exitCode = await runServer();
