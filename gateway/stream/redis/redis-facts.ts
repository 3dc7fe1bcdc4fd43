import { StoreDown, StoreRefused, StoreUnknown } from '../log.ts';
import type { Connection } from './redis-connections.ts';
import { storeError } from './redis-errors.ts';
import { readFacts, refusalOf, type ServerFacts } from './suitability.ts';

type Asked = Pick<Connection, 'call'>;

/**
 * What INFO, or a section of it, says on a connection; nothing is known where it is hidden. Rejects
 * with StoreDown or StoreUnknown.
 */
export async function factsOf(connection: Asked, ...section: string[]): Promise<ServerFacts> {
  try {
    return readFacts(String(await connection.call('INFO', ...section)));
  } catch (error) {
    const hidden = error instanceof Error && /NOPERM|unknown command/i.test(error.message);
    if (!hidden) throw storeError(error);
    return readFacts('');
  }
}

/** The facts of a master that we may use. Rejects when it is none, now or (StoreRefused) ever. */
export async function factsOfMaster(connection: Asked): Promise<ServerFacts> {
  const facts = await factsOf(connection);
  const refused = refusalOf(facts);
  if (refused !== undefined) throw new StoreRefused(refused);
  if (facts.loading) throw new StoreDown('Redis is still loading');
  if (facts.replica) throw new StoreDown('this Redis is a replica');
  return facts;
}

/** The clock of the server on a connection, milliseconds since 1970. Rejects as `factsOf`. */
export async function timeOf(connection: Asked): Promise<number> {
  try {
    const reply = await connection.call('TIME');
    const [seconds, micros] = Array.isArray(reply) ? reply.map(String).map(Number) : [];
    const ms = Number(seconds) * 1_000 + Number(micros) / 1_000;
    if (ms > 0) return ms;
  } catch (error) {
    throw storeError(error);
  }
  throw new StoreUnknown('Redis gave an answer to TIME that cannot be');
}
