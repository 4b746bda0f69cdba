import { NODE, type Tape, TYPE } from './tape.ts';
import { textOf } from './text.ts';
import type { Workspace } from './workspace.ts';

const PLAIN_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const LONGEST_KEY = 60;

/** The JSON path (RFC 9535, short form where it can be) from a root to a node on the tape. Keys name their value. */
export function pathTo(workspace: Workspace, tape: Tape, root: number, target: number): string {
  let path = '$';
  let node = root;
  while (node !== target && tape.isContainer(node)) {
    const step = stepTowards(tape, node, target);
    if (step === undefined) break;
    path += step.key >= 0 ? memberStep(textOf(workspace, tape, step.key)) : `[${step.index}]`;
    node = step.key === target ? target : step.value;
  }
  return path;
}

export function memberStep(key: string): string {
  const short = key.length > LONGEST_KEY ? `${key.slice(0, LONGEST_KEY)}…` : key;
  return PLAIN_NAME.test(short) ? `.${short}` : `['${escapeName(short)}']`;
}

function escapeName(name: string): string {
  const escaped = JSON.stringify(name).slice(1, -1);
  return escaped.replaceAll('\\"', '"').replaceAll("'", "\\'");
}

function stepTowards(
  tape: Tape,
  node: number,
  target: number,
): { key: number; value: number; index: number } | undefined {
  const isObject = tape.type(node) === TYPE.object;
  const limit = tape.limit(node);
  let index = 0;
  for (let child = tape.first(node); child < limit; index++) {
    const value = isObject ? child + NODE : child;
    const after = tape.after(value);
    if (target < after) return { key: isObject ? child : -1, value, index };
    child = after;
  }
  return undefined;
}

/** Path to where a scan failed, from the containers that were open. */
export function faultPath(workspace: Workspace, tape: Tape, open: readonly { node: number; key: number }[]): string {
  let path = '$';
  open.forEach(({ node, key }, level) => {
    if (tape.type(node) !== TYPE.object)
      path += `[${elementsBefore(tape, node, open[level + 1]?.node ?? tape.length)}]`;
    else if (key >= 0) path += memberStep(textOf(workspace, tape, key));
  });
  return path;
}

/** Complete elements of an array that is still open, before the node `until`. */
function elementsBefore(tape: Tape, array: number, until: number): number {
  let count = 0;
  for (let child = tape.first(array); child < until; child = tape.after(child)) count++;
  return count;
}
