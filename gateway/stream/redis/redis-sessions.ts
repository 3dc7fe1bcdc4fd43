import { formatPosition } from '../../../protocol/position.ts';
import type { CursorChanges, OpenedSession, SaveResult, SessionKey } from '../stream.ts';
import { encodeSession } from './entry-codec.ts';
import { encodeName, type Keys } from './keys.ts';
import { sessionReply } from './redis-replies.ts';
import type { ScriptName } from './redis-scripts.ts';

export interface RedisSessionsOptions {
  readonly keys: Keys;
  readonly pod: string;
  readonly run: (
    name: ScriptName,
    keys: readonly string[],
    args: readonly (string | number)[],
  ) => Promise<unknown>;
}

const outcomes: Readonly<Record<number, SaveResult>> = { 0: 'superseded', 2: 'forgotten' };

/** The sessions in Redis: a hash each, and per identity the names of them, by their last use. */
export class RedisSessions {
  readonly #options: RedisSessionsOptions;

  constructor(options: RedisSessionsOptions) {
    this.#options = options;
  }

  async open(key: SessionKey): Promise<OpenedSession> {
    const { keys, pod, run } = this.#options;
    const args = [key.session, keys.podChannel(pod), encodeSession(key)];
    const { forgotten, ...opened } = sessionReply(await run('session-open', this.#keys(key), args));
    if (forgotten.length === 0) return opened;
    await this.#forget(key.identity, forgotten);
    return { ...opened, forgotten: forgotten.length };
  }

  async save(key: SessionKey, generation: number, changed: CursorChanges): Promise<SaveResult> {
    const { keys, pod, run } = this.#options;
    const positions = [...changed].flatMap(([topic, position]) => [
      `t:${encodeName(topic)}`,
      position === undefined ? '' : formatPosition(position),
    ]);
    const args = [generation, keys.podChannel(pod), key.session, ...positions];
    const saved = await run('session-save', this.#keys(key), args);
    return outcomes[Number(saved)] ?? 'saved';
  }

  #keys(key: SessionKey): string[] {
    const { keys } = this.#options;
    return [keys.session(key), keys.sessions(key.identity)];
  }

  async #forget(identity: string, names: readonly string[]): Promise<void> {
    const { keys, run } = this.#options;
    const sessions = names.map((session) => keys.session({ identity, session }));
    try {
      await run('session-forget', [keys.sessions(identity), ...sessions], names);
    } catch {
      // They end by themselves, with their lives.
    }
  }
}
