/** Does something to each, so many at a time, and resolves when all have ended. Must not reject. */
export async function each<T>(
  all: readonly T[],
  atATime: number,
  task: (one: T) => Promise<void>,
): Promise<void> {
  const left = all.values();
  const work = async () => {
    for (const one of left) await task(one);
  };
  await Promise.all(Array.from({ length: Math.min(atATime, all.length) }, work));
}
