import type { ChildProcess } from 'node:child_process';
import type { EventEmitter } from 'node:events';
import type { Interface } from 'node:readline';

const ANSWER_MS = 120_000;

/** The next message of a child; an error when it ends before, or after two minutes. */
export const answer = <T>(child: ChildProcess): Promise<T> => next<T>(child, child, 'message');

/** The next line of a child that speaks in lines of JSON; an error in the same cases. */
export async function answerLine<T>(child: ChildProcess, lines: Interface): Promise<T> {
  return JSON.parse(await next<string>(child, lines, 'line')) as T;
}

function next<T>(child: ChildProcess, source: EventEmitter, event: string): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const timer = setTimeout(() => reject(new Error('no answer in time')), ANSWER_MS);
  const onExit = (code: number | null) => reject(new Error(`a process ended with ${code}`));
  child.once('exit', onExit).once('error', reject);
  source.once(event, resolve);
  return promise.finally(() => {
    clearTimeout(timer);
    child.off('exit', onExit).off('error', reject);
    source.off(event, resolve);
  });
}
