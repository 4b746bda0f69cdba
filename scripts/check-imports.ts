/** Fails when a file imports what its area may not: the architecture of docs/architecture.md, tested. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSync } from 'oxc-parser';
import { AREAS, areaOf, ENVIRONMENT_RULE, SDK_RULES } from './import-rules.ts';
import { sourceFiles } from './source-files.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const FOLDERS = ['app', 'cli', 'lib', 'sandbox', 'scripts', 'server'];
const SOURCE = /(?<!\.test)\.tsx?$/;

interface Import {
  specifier: string;
  line: number;
}

function importsOf(path: string, source: string): Import[] {
  const { module } = parseSync(path, source);
  const lineOf = (offset: number) => source.slice(0, offset).split('\n').length;
  const fixed = [...module.staticImports, ...module.staticExports.flatMap((e) => e.entries)]
    .map((e) => ('moduleRequest' in e ? e.moduleRequest : null))
    .filter((request) => request !== null)
    .map((request) => ({ specifier: request.value, line: lineOf(request.start) }));
  const dynamic = module.dynamicImports.map((d) => ({
    specifier: source.slice(d.moduleRequest.start, d.moduleRequest.end).replace(/^['"`]|['"`]$/g, ''),
    line: lineOf(d.moduleRequest.start),
  }));
  return [...fixed, ...dynamic];
}

function checkProjectImport(path: string, specifier: string): string | undefined {
  const target = specifier.startsWith('@/') ? specifier.slice(2) : join(path, '..', specifier);
  const from = areaOf(path);
  const to = areaOf(target);
  const rule = AREAS[from];
  if (rule === undefined || from === to || rule.may === 'all' || rule.may.includes(to)) return undefined;
  return `${from} may not import ${to} (${target}): ${rule.reason}`;
}

function checkPackageImport(path: string, specifier: string): string | undefined {
  const rule = SDK_RULES.find((r) => specifier === r.module || specifier.startsWith(`${r.module}/`));
  if (rule !== undefined && !rule.only.some((allowed) => path.startsWith(allowed))) {
    return `only ${rule.only.join(', ')} may import ${specifier}: ${rule.reason}`;
  }
  const area = AREAS[areaOf(path)];
  if (area?.pure === true && specifier.startsWith('node:')) return `${specifier} in a pure area: ${area.reason}`;
  return undefined;
}

function checkFile(path: string): string[] {
  const source = readFileSync(join(root, path), 'utf8');
  const problems = importsOf(path, source).flatMap(({ specifier, line }) => {
    const own = specifier.startsWith('@/') || specifier.startsWith('.');
    const problem = own ? checkProjectImport(path, specifier) : checkPackageImport(path, specifier);
    return problem === undefined ? [] : [`${path}:${line}  ${problem}`];
  });
  const readsEnvironment = /\bprocess\.env\b/.test(source);
  if (readsEnvironment && !ENVIRONMENT_RULE.only.some((allowed) => path.startsWith(allowed))) {
    problems.push(`${path}  reads process.env: ${ENVIRONMENT_RULE.reason}`);
  }
  return problems;
}

const files = sourceFiles(root, FOLDERS, SOURCE);
const problems = files.flatMap(checkFile);
for (const problem of problems) console.error(problem);
console.log(`import rules: ${files.length} files, ${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;
