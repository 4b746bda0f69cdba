import type { PhaseState } from '@/lib/http/api-types.ts';
import { paint, printLine, type Terminal } from './terminal.ts';

export type Gate = NonNullable<PhaseState['next']>['gates'][number];
type Entry = PhaseState['history'][number];

/** What stepping back has led to. */
export function printBack(terminal: Terminal, view: PhaseState, consequences: readonly string[]): void {
  printLine(terminal, paint(terminal, 'bold', entryLine(view)));
  for (const sentence of consequences) printLine(terminal, `  ${sentence}`);
}

/** The present phase, how it came to be, and what stands before the next one. */
export function printPhase(terminal: Terminal, view: PhaseState): void {
  printLine(terminal, paint(terminal, 'bold', entryLine(view)));
  for (const entry of view.history.slice(1, 6)) printLine(terminal, `  before: ${entryLine(entry)}`);
  if (view.next !== null) printGates(terminal, view.next.phase, view.next.gates);
  if (view.previous !== null) printLine(terminal, `Step back to ${view.previous.phase}: longshore phase back`);
}

/** One line a gate with its numbers; below it who is in the way and the command that helps. */
export function printGates(terminal: Terminal, phase: string, gates: readonly Gate[]): void {
  const open = gates.every((gate) => gate.ok);
  printLine(terminal, `To enter ${phase}: ${open ? `all gates are open: longshore phase set ${phase}` : 'not yet'}`);
  for (const { ok, title, have, need, unit, blockers, remedy } of gates) {
    const mark = ok ? paint(terminal, 'green', '✓') : paint(terminal, 'red', '✗');
    printLine(terminal, `${mark} ${title}: ${have} of ${need} ${unit}`);
    for (const blocker of blockers) printLine(terminal, `    ${blocker.id}  ${blocker.name}: ${blocker.reason}`);
    if (remedy !== null) printLine(terminal, `    ${remedy}`);
  }
}

function entryLine({ phase, since, actor, forced, reason }: Entry): string {
  const why = reason === null ? '' : `: ${reason}`;
  return `${phase} since ${since.slice(0, 16).replace('T', ' ')} UTC, by ${actor}${forced ? ', forced' : ''}${why}`;
}
