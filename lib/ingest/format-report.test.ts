import { expect, it } from 'vitest';
import { inChunks } from '@/tests/support/chunks.ts';
import { formatFindings } from './format-report.ts';
import { checkSource } from './ingest.ts';
import { IngestPool } from './pool/ingest-pool.ts';

it('tells file, line, path, what is wrong and what to do', async () => {
  const pool = new IngestPool({ threads: 1 });
  const good = '{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}\n';
  const bad = '{"messages":[{"role":"user","content":"a"},{"role":"narrator","content":"b"}]}\n';
  const source = inChunks(Buffer.from(`${good}\r\n${bad}`), [99]);
  const { report } = await checkSource(source, {}, pool);
  await pool.close();
  const lines = formatFindings(report, 'data/chat.jsonl');
  expect(lines[0]).toMatch(/^data\/chat\.jsonl {2}info I_CRLF: /);
  expect(lines).toContainEqual(
    expect.stringMatching(/^data\/chat\.jsonl:3 {2}\$\.messages\[1\]\.role {2}error E_ROLE_UNKNOWN: .+\..+/),
  );
  const shortened = formatFindings({ ...report, findings: [], scan_stopped: true }, 'x');
  expect(shortened).toHaveLength(2);
  expect(shortened[0]).toMatch(/more findings/);
});
