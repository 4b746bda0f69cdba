import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { ApiProblem, api } from '../shared/api/client.ts';
import type { DoctorReport, ProviderDescription, ProviderField, SecretView } from '../shared/api/types.ts';
import { Button } from '../shared/ui/button.tsx';
import { SecretInput, TextInput } from '../shared/ui/field.tsx';
import { ErrorState } from '../shared/ui/states.tsx';
import { useToast } from '../shared/ui/toast.tsx';
import { bodyOf, isKey, keysEmptied, type Values, valuesOf } from './secret-values.ts';
import { Testing, TestReport } from './test-report.tsx';

interface Options {
  createBucket?: boolean;
  storeFailing?: boolean;
}

/** Fields, a test that stores nothing, and saving, which tests too. */
export function SecretForm({ provider, stored }: { provider: ProviderDescription; stored: SecretView | undefined }) {
  const [values, setValues] = useState<Values>(() => valuesOf(provider, stored));
  const actions = useSecretActions(provider, values, {
    stored,
    // What is stored now is nothing that a field may go on showing.
    onSaved: () => setValues((now) => ({ ...now, ...keysEmptied(provider) })),
  });
  const set = (name: string, value: string) => {
    setValues((now) => ({ ...now, [name]: value }));
    actions.forget();
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    actions.save.mutate({});
  };
  const [usual, rare] = [provider.fields.filter((one) => !isRare(one)), provider.fields.filter(isRare)];
  const fields = (some: readonly ProviderField[]) =>
    some.map((field) => (
      <FieldInput
        key={field.name}
        field={field}
        value={values[field.name] ?? ''}
        fault={faultOf(actions.error, field)}
        set={set}
        stored={stored}
      />
    ));
  const [unfolded] = useState(() => rare.some(({ name }) => values[name] !== ''));
  const busy = actions.test.isPending || actions.save.isPending;
  const incomplete = provider.fields.some((field) => isMissing(field, values, stored));
  return (
    <form onSubmit={submit} className="flex flex-col gap-4" autoComplete="off">
      {fields(usual)}
      {rare.length > 0 && (
        <details open={unfolded || rare.some((field) => faultOf(actions.error, field) !== undefined)}>
          <summary className="cursor-pointer text-sm font-medium text-muted hover:text-ink">
            Another store than AWS, or roles
          </summary>
          <div className="mt-4 flex flex-col gap-4">{fields(rare)}</div>
        </details>
      )}
      <div className="flex flex-wrap gap-2">
        <Button look="primary" type="submit" disabled={busy || incomplete}>
          {actions.save.isPending ? 'Testing and saving …' : 'Test and save'}
        </Button>
        <Button disabled={busy || incomplete} onClick={() => actions.test.mutate({})}>
          Test only
        </Button>
      </div>
      {busy && <Testing what="Testing step by step at the provider; it takes a few seconds." />}
      {actions.error !== undefined && <ErrorState error={actions.error} />}
      {actions.report !== undefined && <TestReport report={actions.report} />}
      {actions.report !== undefined && !busy && (
        <Remedies
          report={actions.report}
          onRegion={(region) => set('metadata.aws.region', region)}
          onUsername={(name) => set('metadata.huggingface.username', name)}
          onCreateBucket={() => actions.save.mutate({ createBucket: true })}
          onStoreFailing={actions.saveFailed ? () => actions.save.mutate({ storeFailing: true }) : undefined}
        />
      )}
    </form>
  );
}

/** Most people never need these. */
const RARE: readonly string[] = ['endpoint', 'role_arn', 'sagemaker_role_arn'].map((name) => `metadata.aws.${name}`);

function isRare({ name }: ProviderField): boolean {
  return RARE.includes(name);
}

function isMissing(field: ProviderField, values: Values, stored: SecretView | undefined): boolean {
  const kept = stored !== undefined && isKey(field);
  return field.required && !kept && (values[field.name] ?? '').trim() === '';
}

/** What the server says of one field: paths of its faults are the fields' names, with or without `$.` before them. */
function faultOf(error: unknown, { name }: ProviderField): string | undefined {
  if (!(error instanceof ApiProblem)) return undefined;
  return error.problem.errors?.find(({ path }) => path?.replace(/^\$\./, '') === name)?.message;
}

function FieldInput({
  field,
  value,
  fault,
  set,
  stored,
}: {
  field: ProviderField;
  value: string;
  fault: string | undefined;
  set: (name: string, value: string) => void;
  stored: SecretView | undefined;
}) {
  const kept = stored !== undefined && isKey(field);
  const Input = field.secret ? SecretInput : TextInput;
  return (
    <Input
      label={field.label}
      help={field.help}
      error={fault}
      optional={!field.required && !kept}
      placeholder={kept ? 'leave empty to keep the stored one' : field.placeholder}
      value={value}
      onValue={(next) => set(field.name, next)}
      name={field.name}
    />
  );
}

/** What a test proposes to mend it with one press. */
function Remedies({
  report,
  onRegion,
  onUsername,
  onCreateBucket,
  onStoreFailing,
}: {
  report: DoctorReport;
  onRegion: (region: string) => void;
  onUsername: (name: string) => void;
  onCreateBucket: () => void;
  onStoreFailing: (() => void) | undefined;
}) {
  const { region, create_bucket, username } = report.suggestions;
  return (
    <div className="flex flex-wrap gap-2">
      {region !== undefined && <Button onClick={() => onRegion(region)}>Use region {region}</Button>}
      {create_bucket === true && <Button onClick={onCreateBucket}>Make the bucket and save</Button>}
      {username !== undefined && <Button onClick={() => onUsername(username)}>Use the name {username}</Button>}
      {onStoreFailing !== undefined && (
        <Button look="quiet" onClick={onStoreFailing} title="It is marked, and not used before a test of it passes">
          Save it all the same, unused
        </Button>
      )}
    </div>
  );
}

function useSecretActions(
  provider: ProviderDescription,
  values: Values,
  { stored, onSaved }: { stored: SecretView | undefined; onSaved: () => void },
) {
  const queries = useQueryClient();
  const say = useToast();
  const path = `/api/secrets/${provider.id}`;
  const { body, keepsKeys } = bodyOf(provider, values, stored);
  const query = ({ createBucket = false, storeFailing = false }: Options) => ({
    keep_keys: keepsKeys || undefined,
    create_bucket: createBucket || undefined,
    store_failing: storeFailing || undefined,
  });
  const test = useMutation({
    mutationFn: (options: Options) =>
      api<{ report: DoctorReport }>(`${path}/test`, { method: 'POST', query: query(options), json: body }),
  });
  const save = useMutation({
    mutationFn: (options: Options) => api(path, { method: 'PUT', query: query(options), json: body }),
    onSuccess: async () => {
      say({ text: `The ${provider.title} secret is stored.` });
      onSaved();
      test.reset();
      await queries.invalidateQueries({ queryKey: ['secrets'] });
    },
  });
  const forget = () => {
    test.reset();
    save.reset();
  };
  const failed = save.error instanceof ApiProblem ? save.error.problem.report : undefined;
  return {
    test,
    save,
    saveFailed: failed !== undefined,
    report: failed ?? test.data?.report,
    error: (failed === undefined ? save.error : undefined) ?? test.error ?? undefined,
    forget,
  };
}
