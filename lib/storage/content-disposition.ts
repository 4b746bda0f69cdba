/**
 * `attachment; filename="..."` for a suggested file name, safe for a header and for every system's file names (RFC 6266):
 * no path, no control characters, no quotes; other than ASCII goes into `filename*`.
 */
export function attachmentDisposition(filename: string): string {
  const name = safeFileName(filename);
  const ascii = name.replace(/[^\x20-\x7e]/g, '_').replace(/%/g, '_');
  if (ascii === name) return `attachment; filename="${name}"`;
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encodeRfc5987(name)}`;
}

/** The name a file may have when somebody saves it: the last path segment, harmless characters, at most 150 code points. */
export function safeFileName(filename: string): string {
  const last = Buffer.from(filename).toString().split(/[/\\]/).at(-1) ?? '';
  const harmless = last.replace(/[\p{Cc}\p{Cf}"<>:|?*;]/gu, '_').replace(/^[.\s]+|[.\s]+$/g, '');
  return [...harmless].slice(0, 150).join('') || 'download';
}

function encodeRfc5987(text: string): string {
  return encodeURIComponent(text).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}
