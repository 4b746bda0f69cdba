import { endpoint } from '@/lib/http/endpoint.ts';
import { json } from '@/lib/http/responses.ts';
import { jobListQuery, jobPage, newJobBody, policyOf, showJob } from '@/lib/http/training-jobs.ts';

export const GET = endpoint(
  { auth: 'user', summary: 'Your training jobs, newest first', query: jobListQuery },
  async ({ app, user, query }) => {
    const { cursor: before, limit, state: states, target, dataset_id: datasetId } = query;
    return jobPage(await app.training.service.list(user.userId, { before, limit, states, target, datasetId }), limit);
  },
);

export const POST = endpoint(
  { auth: 'user', summary: 'Make a local training job, for an agent to take', body: newJobBody, answerStatus: 201 },
  async ({ app, user, body }) => {
    const { dataset_id: datasetId, target, config, policy } = body;
    const wanted = { userId: user.userId, datasetId, target, config, policy: policyOf(policy) };
    return json({ job: showJob(await app.training.service.create(wanted)) }, { status: 201 });
  },
);
