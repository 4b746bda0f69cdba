/** JSONL of chat records, the same for the same arguments. */
export function chatRecords(count: number, seed = 1): string {
  return Array.from({ length: count }, (_, index) => chatRecord(index, seed)).join('');
}

export function chatRecord(index: number, seed = 1): string {
  const question = `Question ${index} of set ${seed}`;
  const answer = `Answer ${index}: ${'word '.repeat(1 + ((index * 7 + seed) % 40)).trim()}.`;
  const messages = [
    { role: 'user', content: question },
    { role: 'assistant', content: answer },
  ];
  return `${JSON.stringify({ messages })}\n`;
}
