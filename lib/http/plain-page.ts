import { createHash } from 'node:crypto';

/** A page without scripts, for what must be told before, or instead of, the real one. */
export interface PlainPage {
  status: number;
  title: string;
  /** One paragraph each. Escaped. */
  paragraphs: readonly string[];
  /** Escaped, shown as code. */
  command?: string;
  /** Asks for a key and posts it to this path. */
  keyForm?: string;
}

const STYLE = `
:root { color-scheme: light dark; --ink: #14202b; --muted: #52606d; --surface: #f5f7f9; --line: #d5dce3; --accent: #0b6e8f; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8eef3; --muted: #9fb0bf; --surface: #0e161d; --line: #2a3742; --accent: #4fb8d9; }
}
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--surface); color: var(--ink);
  font: 16px/1.6 ui-sans-serif, system-ui, sans-serif; }
main { max-width: 32rem; padding: 2rem; border-left: 4px solid var(--accent); }
h1 { margin: 0 0 .75rem; font-size: 1.375rem; line-height: 1.3; }
p { margin: 0 0 .75rem; color: var(--muted); }
code { display: block; padding: .75rem 1rem; border: 1px solid var(--line); border-radius: .375rem; overflow-x: auto;
  font: .875rem ui-monospace, monospace; }
form { display: flex; flex-wrap: wrap; gap: .5rem; margin-top: 1rem; }
label { flex-basis: 100%; font-size: .875rem; font-weight: 600; }
input { flex: 1; min-width: 14rem; padding: .5rem .75rem; border: 1px solid var(--line); border-radius: .375rem;
  background: transparent; color: inherit; font: inherit; }
button { padding: .5rem 1rem; border: 0; border-radius: .375rem; background: var(--accent); color: var(--surface);
  font: inherit; font-weight: 600; cursor: pointer; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
`;

const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

const HEADERS = {
  'Content-Type': 'text/html; charset=utf-8',
  'Cache-Control': 'no-store',
  'Content-Security-Policy': `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
  // `no-referrer` would make browsers send the form with `Origin: null`, which is not our own.
  'Referrer-Policy': 'same-origin',
};

export function plainPage(page: PlainPage): Response {
  const parts = [
    `<h1>${escapeHtml(page.title)}</h1>`,
    ...page.paragraphs.map((paragraph) => `<p>${escapeHtml(paragraph)}</p>`),
    ...(page.command === undefined ? [] : [`<code>${escapeHtml(page.command)}</code>`]),
    ...(page.keyForm === undefined ? [] : [keyForm(page.keyForm)]),
  ];
  return new Response(document(page.title, parts.join('\n')), { status: page.status, headers: HEADERS });
}

function document(title: string, main: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)} · Longshore</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${main}
</main>
</body>
</html>
`;
}

function keyForm(action: string): string {
  return `<form method="post" action="${escapeHtml(action)}">
<label for="key">API key</label>
<input id="key" name="key" type="password" autocomplete="current-password" required autofocus>
<button>Sign in</button>
</form>`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
