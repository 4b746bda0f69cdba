import { useState } from 'react';
import type { AwsPolicies as Policies } from '../shared/api/types.ts';
import { CodeBlock, CopyIcon } from '../shared/ui/copy.tsx';
import { TextInput } from '../shared/ui/field.tsx';
import { Panel } from '../shared/ui/panel.tsx';

/** Stands in the server's policy until a bucket is known (lib/secrets/secrets-overview.ts). */
const PLACEHOLDER = 'YOUR-BUCKET';

/** Documents to paste into IAM: exactly what is needed, for one bucket and this user's folder in it. */
export function AwsPolicies({ policies }: { policies: Policies }) {
  const [bucket, setBucket] = useState('');
  const permissions = JSON.stringify(policies.permissions_policy, null, 2);
  const named = !permissions.includes(PLACEHOLDER);
  return (
    <Panel title="Least privilege" description="What Longshore needs in your bucket, and nothing more.">
      <div className="flex flex-col gap-4">
        {!named && (
          <TextInput
            label="Name of your bucket"
            help="Fills the policy below. It is not sent."
            placeholder="my-datasets"
            value={bucket}
            onValue={setBucket}
            autoComplete="off"
          />
        )}
        <CodeBlock
          title="Permissions policy, for the user or role"
          code={bucket.trim() === '' ? permissions : permissions.replaceAll(PLACEHOLDER, bucket.trim())}
        />
        <div className="text-sm">
          <p className="font-medium">External ID</p>
          <p className="flex items-center gap-1">
            <code className="min-w-0 text-xs break-all">{policies.external_id}</code>
            <CopyIcon text={policies.external_id} what="external ID" />
          </p>
          <p className="mt-1 text-xs text-muted">
            Made for you alone: with it in the trust policy nobody else can have your role assumed.
          </p>
        </div>
        {policies.trust_policy === null ? (
          <p className="text-xs text-muted">
            This installation has no identity at AWS, so a role cannot be assumed: use an access key.
          </p>
        ) : (
          <CodeBlock title="Trust policy, for a role" code={JSON.stringify(policies.trust_policy, null, 2)} />
        )}
      </div>
    </Panel>
  );
}
