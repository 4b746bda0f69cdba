import { expect, test } from 'vitest';
import { Metrics } from './metrics.ts';

test('counters, gauges and histograms in the Prometheus text format', () => {
  const metrics = new Metrics();
  const bytes = metrics.counter('bytes_total', 'Bytes\nread');
  bytes.add(5, { store: 's3' });
  bytes.add(2, { store: 's3' });
  bytes.add(1, { store: 'a "b" \\' });
  metrics.gauge('running', 'Running').add(3);
  metrics.observedGauge('queue_length', 'Waiting', () => 7);
  const seconds = metrics.histogram('call_seconds', 'Calls', [0.1, 1]);
  for (const value of [0.05, 0.1, 0.5, 20]) seconds.observe(value, { op: 'get' });
  expect(metrics.render()).toBe(`# HELP bytes_total Bytes\\nread
# TYPE bytes_total counter
bytes_total{store="s3"} 7
bytes_total{store="a \\"b\\" \\\\"} 1
# HELP running Running
# TYPE running gauge
running 3
# HELP queue_length Waiting
# TYPE queue_length gauge
queue_length 7
# HELP call_seconds Calls
# TYPE call_seconds histogram
call_seconds_bucket{op="get",le="0.1"} 2
call_seconds_bucket{op="get",le="1"} 3
call_seconds_bucket{op="get",le="+Inf"} 4
call_seconds_sum{op="get"} 20.65
call_seconds_count{op="get"} 4
`);
});

test('asking again for a name gives the same metric', () => {
  const metrics = new Metrics();
  metrics.counter('hits_total', 'Hits').add();
  metrics.counter('hits_total', 'Hits').add();
  expect(metrics.render()).toContain('hits_total 2');
});
