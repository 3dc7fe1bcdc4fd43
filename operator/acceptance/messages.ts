import { randomUUID } from 'node:crypto';
import { Client } from '../../client/index.ts';

export interface MessagesOptions {
  /** `ws://…/ws` of a WsCluster, which balances over its gateways. */
  readonly url: string;
  readonly token?: string;
  readonly say: (line: string) => void;
  /** For each step. Default: 30 s. */
  readonly deadlineMs?: number;
}

const DEADLINE_MS = 30_000;
const BEFORE = [1, 2, 3];
const AFTER = [4, 5, 6];
const ATTEMPTS = 5;

/**
 * Connects, subscribes, publishes, leaves, and resumes by a new connection: what was published
 * meanwhile arrives, in order, once, without a gap. Throws with the step that failed.
 */
export async function passMessages(options: MessagesOptions): Promise<void> {
  const { url, token, say, deadlineMs = DEADLINE_MS } = options;
  const topic = `helm-test.${randomUUID()}`;
  const open = () =>
    new Client({ url, ...(token === undefined ? {} : { token }), maxAttempts: ATTEMPTS });
  const clients: Client[] = [];
  const step = async <T>(what: string, work: (client: Client) => Promise<T>): Promise<T> => {
    const client = open();
    clients.push(client);
    const result = await within(deadlineMs, what, work(client));
    say(what);
    return result;
  };
  try {
    const position = await step('connected, subscribed, and got what was published', (client) =>
      listen(client, { topic, numbers: BEFORE, publishes: true }),
    );
    await Promise.all(clients.map((client) => client.close()));
    await step('published while nobody listened', (client) => publish(client, topic, AFTER));
    await step('resumed: what was missed came in order, once, and without a gap', (client) =>
      listen(client, { topic, position, numbers: AFTER, publishes: false }),
    );
  } finally {
    await Promise.all(clients.map((client) => client.close()));
  }
}

interface Listening {
  readonly topic: string;
  readonly position?: string;
  /** What is to come. */
  readonly numbers: readonly number[];
  /** Whether this client itself publishes them. */
  readonly publishes: boolean;
}

/** The position behind the last of them. */
async function listen(
  client: Client,
  { topic, position, numbers, publishes }: Listening,
): Promise<string> {
  const room = client.subscribe<number>(topic, position === undefined ? {} : { position });
  const gap = new Promise<never>((_resolve, reject) => {
    room.on('gap', ({ reason }) => reject(new Error(`there was a gap: ${reason}`)));
  });
  const heard = (async () => {
    await room.ready;
    if (publishes) await publish(client, topic, numbers);
    let last = '';
    let next = 0;
    for await (const message of room) {
      if (message.data !== numbers[next]) {
        throw new Error(`${message.data} came instead of ${numbers[next]}`);
      }
      last = message.position;
      next += 1;
      if (next === numbers.length) break;
    }
    return last;
  })();
  return Promise.race([heard, gap]);
}

async function publish(client: Client, topic: string, numbers: readonly number[]): Promise<void> {
  for (const number of numbers) await client.publish(topic, number);
}

async function within<T>(deadlineMs: number, what: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${deadlineMs} ms`)), deadlineMs);
  });
  try {
    return await Promise.race([work, late]);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`not "${what}": ${why}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}
