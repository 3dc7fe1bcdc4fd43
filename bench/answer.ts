import type { ChildProcess } from 'node:child_process';

const ANSWER_MS = 120_000;

/** The next message of a child; an error when it ends before, or after two minutes. */
export function answer<T>(child: ChildProcess): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const timer = setTimeout(() => reject(new Error('no answer in time')), ANSWER_MS);
  const onExit = (code: number | null) => reject(new Error(`a process ended with ${code}`));
  const onMessage = (message: unknown) => resolve(message as T);
  child.once('exit', onExit);
  child.once('message', onMessage);
  return promise.finally(() => {
    clearTimeout(timer);
    child.off('exit', onExit);
    child.off('message', onMessage);
  });
}
