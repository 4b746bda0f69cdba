#!/usr/bin/env node
// The command runs the built files. In a fresh clone it says how to build them.
import { existsSync } from 'node:fs';

const main = new URL('../dist/cli/main.js', import.meta.url);
if (!existsSync(main)) {
  console.error('longshore is not built yet. Run: npm install && npm run build');
  process.exit(2);
}
await import(main.href);
