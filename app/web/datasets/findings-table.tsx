import { Clipboard, Download } from 'lucide-react';
import type { FileFinding } from '../shared/api/types.ts';
import { formatCount } from '../shared/format.ts';
import { Button } from '../shared/ui/button.tsx';

/** What is wrong with a file: where, what, why, how to mend it. Can be taken away as text. */
export function FindingsTable({ findings }: { findings: FileFinding[] }) {
  const text = () =>
    findings.map((f) => [f.line ?? '-', f.path ?? '-', f.code, f.message, f.hint ?? ''].join('\t')).join('\n');
  return (
    <div className="flex flex-col gap-2">
      <div className="flex items-center justify-between gap-2">
        <p className="text-xs text-muted">{formatCount(findings.length)} findings</p>
        <span className="flex gap-1">
          <Button look="quiet" className="h-7" onClick={() => void navigator.clipboard.writeText(text())}>
            <Clipboard className="size-3.5" aria-hidden /> Copy
          </Button>
          <a
            download="findings.tsv"
            href={`data:text/tab-separated-values;charset=utf-8,${encodeURIComponent(text())}`}
            className="inline-flex h-7 items-center gap-1.5 rounded-md px-3 text-sm font-medium text-muted hover:bg-sunken hover:text-ink"
          >
            <Download className="size-3.5" aria-hidden /> Download
          </a>
        </span>
      </div>
      <div className="max-h-96 overflow-auto rounded-md border border-line">
        <table className="w-full text-sm">
          <thead className="sticky top-0 bg-sunken text-left text-xs text-muted">
            <tr>
              <th className="px-3 py-1.5 text-right font-medium">Line</th>
              <th className="px-3 py-1.5 font-medium">Where</th>
              <th className="px-3 py-1.5 font-medium">What, and how to mend it</th>
            </tr>
          </thead>
          <tbody>
            {findings.map((finding) => (
              <tr
                key={`${finding.line}|${finding.record}|${finding.path}|${finding.code}`}
                className="border-t border-line align-top"
              >
                <td className="tabular px-3 py-1.5 text-right text-muted">{finding.line ?? finding.record ?? '–'}</td>
                <td className="px-3 py-1.5">
                  <code className="text-xs break-all">{finding.path ?? 'file'}</code>
                </td>
                <td className="px-3 py-1.5">
                  {finding.message}
                  {finding.hint !== null && <span className="block text-muted">{finding.hint}</span>}
                  <code className="text-xs text-muted">{finding.code}</code>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}
