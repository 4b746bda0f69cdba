/** Enough of IAM to show one missing action, and to limit a session to a prefix. */

export interface PolicyStatement {
  Effect: 'Allow' | 'Deny';
  Action: string | string[];
  Resource: string | string[];
  /** StringEquals and StringLike, on `s3:prefix` only. */
  Condition?: Record<string, Record<string, string | string[]>>;
}

export interface PolicyDocument {
  Version?: string;
  Statement: PolicyStatement | PolicyStatement[];
}

export interface AccessQuestion {
  /** e.g. `s3:PutObject` */
  action: string;
  /** e.g. `arn:aws:s3:::bucket/key` */
  resource: string;
  /** The `prefix` of a listing. */
  prefix?: string;
}

export type Verdict = 'allowed' | 'denied' | 'not_mentioned';

export function evaluate(policy: PolicyDocument, question: AccessQuestion): Verdict {
  const relevant = [policy.Statement].flat().filter((statement) => applies(statement, question));
  if (relevant.some((statement) => statement.Effect === 'Deny')) return 'denied';
  return relevant.length > 0 ? 'allowed' : 'not_mentioned';
}

function applies(statement: PolicyStatement, question: AccessQuestion): boolean {
  return (
    matchesAny(statement.Action, question.action, 'i') &&
    matchesAny(statement.Resource, question.resource) &&
    Object.entries(statement.Condition ?? {}).every(([operator, tests]) => holds(operator, tests, question))
  );
}

function holds(operator: string, tests: Record<string, string | string[]>, question: AccessQuestion): boolean {
  const wanted = tests['s3:prefix'];
  if (wanted === undefined) return false;
  const actual = question.prefix ?? '';
  return operator === 'StringLike' ? matchesAny(wanted, actual) : [wanted].flat().includes(actual);
}

function matchesAny(patterns: string | string[], value: string, flags = ''): boolean {
  return [patterns].flat().some((pattern) => wildcard(pattern, flags).test(value));
}

function wildcard(pattern: string, flags: string): RegExp {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, `s${flags}`);
}

/** Undefined when the text is no policy that this sandbox can hold to. */
export function parsePolicy(source: string): PolicyDocument | undefined {
  try {
    const policy = JSON.parse(source) as PolicyDocument;
    return isPolicy(policy) ? policy : undefined;
  } catch {
    return undefined;
  }
}

function isPolicy(policy: PolicyDocument): boolean {
  const statements = [policy.Statement].flat();
  return statements.length > 0 && statements.every(isStatement);
}

function isStatement(statement: PolicyStatement | undefined): boolean {
  const conditions = Object.entries(statement?.Condition ?? {});
  return (
    (statement?.Effect === 'Allow' || statement?.Effect === 'Deny') &&
    statement.Action !== undefined &&
    statement.Resource !== undefined &&
    conditions.every(([operator, test]) => /^String(Equals|Like)$/.test(operator) && 's3:prefix' in test)
  );
}

export function allowing(actions: string[], resources: string[] = ['*']): PolicyStatement {
  return { Effect: 'Allow', Action: actions, Resource: resources };
}

export function denying(actions: string[], resources: string[] = ['*']): PolicyStatement {
  return { Effect: 'Deny', Action: actions, Resource: resources };
}
