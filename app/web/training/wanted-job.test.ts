import { expect, test } from 'vitest';
import { bodyOf, faultsOf, isComplete, type WantedJob } from './wanted-job.ts';

const EMPTY: WantedJob = {
  ...{ datasetId: 'd1', target: 'local', command: '', hyperparameters: '', env: '', trainer: '', runHours: '' },
  machine: {},
};

test('what was left empty is left to the server', () => {
  expect(bodyOf(EMPTY)).toEqual({ dataset_id: 'd1', config: {} });
});

test('numbers, flags and pairs are sent as what they are', () => {
  const wanted: WantedJob = {
    ...EMPTY,
    ...{ target: 'sagemaker', command: ' python3 train.py ', hyperparameters: '{"rate": 3}', trainer: 'trl' },
    ...{ env: 'A=b=c\n\nEMPTY=', runHours: '1.5', machine: { image: 'i', volume_gb: '80', spot: 'true', region: ' ' } },
  };
  expect(bodyOf(wanted)).toEqual({
    dataset_id: 'd1',
    config: { command: 'python3 train.py', hyperparameters: { rate: 3 }, env: { A: 'b=c', EMPTY: '' } },
    ...{ image: 'i', volume_gb: 80, spot: true, trainer: 'trl', policy: { run_timeout_seconds: 5400 } },
  });
});

test('faults are told at their fields, and keep the form from being sent', () => {
  const wrong = { ...EMPTY, hyperparameters: '[1]', env: 'OK=1\n2BAD=x', runHours: 'long' };
  expect(Object.keys(faultsOf(wrong)).sort()).toEqual(['env', 'hyperparameters', 'runHours']);
  expect(faultsOf(wrong).env).not.toContain('=x');
  expect([isComplete(EMPTY), isComplete(wrong), isComplete({ ...EMPTY, datasetId: '' })]).toEqual([true, false, false]);
});

test('a machine lacks what only the user can know', () => {
  expect(isComplete({ ...EMPTY, target: 'lambda' })).toBe(false);
  expect(isComplete({ ...EMPTY, target: 'lambda', machine: { region: 'us-east-1' } })).toBe(true);
});
