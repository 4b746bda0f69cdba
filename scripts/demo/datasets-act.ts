import type { Dataset } from '@/lib/http/api-types.ts';
import { type ApiClient, ApiError } from '../../cli/api-client.ts';
import { download, say, show, upload } from './stage.ts';

/** What a dataset is: three files in, a broken one refused, one record out, a download that is verified. */
export async function datasetsAct(client: ApiClient): Promise<void> {
  say('Three files go in: checked record by record, normalised, compressed, hashed, stored');
  const [chats, tasks] = await uploadAll(client);
  if (chats === undefined || tasks === undefined) throw new Error('nothing was stored');
  say('A broken file is refused, and says what to mend; nothing of it is stored');
  await refuseBroken(client);
  say('What is known about the chats');
  await showReport(client, chats);
  say('Any record, by one range read of the stored object (Alpaca became messages)');
  await showRecord(client, tasks);
  say('A training job gets a short-lived URL');
  const location = await download(client, chats);
  show(`${location.token}, until ${location.expires_at}`);
}

async function uploadAll(client: ApiClient): Promise<Dataset[]> {
  const datasets: Dataset[] = [];
  for (const file of ['ferry-chats.jsonl', 'harbour-tasks.alpaca.json', 'sea-advice.preference.jsonl']) {
    const dataset = await upload(client, file);
    datasets.push(dataset);
    const { total_examples: examples, format, kind, original_size_bytes: before, file_size_bytes: after } = dataset;
    show(
      `${file}: ${examples} examples, ${format} -> ${kind}, ${before} bytes in, ${after} stored on ${dataset.storage_provider}`,
    );
  }
  return datasets;
}

async function refuseBroken(client: ApiClient): Promise<void> {
  try {
    await upload(client, 'broken.jsonl');
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    show(`${error.problem.status} ${error.problem.code}: ${error.problem.detail}`);
    for (const { line, path, message, hint } of error.problem.errors ?? [])
      show(`line ${line}  ${path ?? ''}  ${message}${hint === null ? '' : ` ${hint}`}`);
    return;
  }
  throw new Error('the broken file was accepted');
}

async function showReport(client: ApiClient, { id }: Dataset): Promise<void> {
  const { report } = await client.json<{ report: { statistics: Record<string, unknown>; findings: unknown[] } }>(
    `/api/training/dataset/${id}/report`,
  );
  const { avg_input_length: input, avg_output_length: output, roles } = report.statistics;
  show(
    `average input ${Number(input).toFixed(1)} and output ${Number(output).toFixed(1)} characters, roles ${JSON.stringify(roles)}, ${report.findings.length} findings`,
  );
}

async function showRecord(client: ApiClient, { id }: Dataset): Promise<void> {
  const preview = await client.json<{ examples: unknown[]; total: number }>(`/api/training/dataset/${id}/preview`, {
    query: { offset: 3, limit: 1 },
  });
  show(`record 4 of ${preview.total}: ${JSON.stringify(preview.examples[0])}`);
}
