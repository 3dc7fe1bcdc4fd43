import { missed } from './client.ts';
import { keyOf } from './key.ts';
import type { Rules } from './rules.ts';
import { initial, type Scope, type State } from './state.ts';
import { isAtRest, type Step, stepsOf } from './steps.ts';

export interface Result {
  readonly states: number;
  readonly steps: number;
  readonly counterexample: Counterexample | undefined;
}

export interface Counterexample {
  readonly wrong: string;
  /** The shortest way there, step by step. */
  readonly trace: readonly string[];
}

/** More than a scope may have: a search beyond it is a mistake in the scope. */
const MOST_STATES = 400_000;

interface Reached {
  readonly state: State;
  readonly by: string;
  readonly from: Reached | undefined;
}

/** Looks at every state that can be reached, nearest first. */
export function search(scope: Scope, rules: Rules): Result {
  const all = stepsOf({ scope, rules });
  const seen = new Set<string>();
  let steps = 0;
  let frontier: Reached[] = [{ state: initial(scope), by: '', from: undefined }];
  while (frontier.length > 0) {
    const next: Reached[] = [];
    for (const reached of frontier) {
      const after = expand(reached, all);
      steps += after.length;
      const counterexample = judge(reached, after, scope);
      if (counterexample !== undefined) return { states: seen.size, steps, counterexample };
      for (const { step: _, ...fresh } of after) if (isNew(fresh.state, seen)) next.push(fresh);
    }
    if (seen.size > MOST_STATES) throw new Error(`${scope.name}: over ${MOST_STATES} states`);
    frontier = next;
  }
  return { states: seen.size, steps, counterexample: undefined };
}

interface Taken extends Reached {
  readonly step: Step;
}

function expand(from: Reached, all: readonly Step[]): Taken[] {
  const after: Taken[] = [];
  for (const step of all) {
    const state = step.take(from.state);
    if (state !== undefined) after.push({ state, by: step.name, from, step });
  }
  return after;
}

function judge(
  reached: Reached,
  after: readonly Taken[],
  scope: Scope,
): Counterexample | undefined {
  for (const taken of after) {
    const wrong = taken.state.broken ?? missed(taken.state, scope);
    if (wrong !== undefined) return { wrong, trace: traceOf(taken) };
  }
  if (after.some(({ step }) => step.progress) || isAtRest(reached.state)) return undefined;
  return { wrong: 'the subscriber waits for ever for what the log has', trace: traceOf(reached) };
}

function isNew(state: State, seen: Set<string>): boolean {
  const key = keyOf(state);
  if (seen.has(key)) return false;
  seen.add(key);
  return true;
}

function traceOf(reached: Reached): string[] {
  const trace: string[] = [];
  for (let at: Reached | undefined = reached; at?.from !== undefined; at = at.from) {
    trace.unshift(`${at.by}  →  ${describe(at.state)}`);
  }
  return trace;
}

function describe({ log, told, client, wire }: State): string {
  const place = ({ epoch, seq }: { epoch: number; seq: number }) => `${epoch}:${seq}`;
  const head = log.born ? place({ epoch: log.epoch, seq: log.entries.length }) : 'no meta';
  const frames = wire.length > 0 ? `, ${wire.length} on the wire` : '';
  const away = client.connected ? '' : ' (away)';
  return `log ${head}, told ${place(told)}, client ${place(client.cursor)}${away}${frames}`;
}
