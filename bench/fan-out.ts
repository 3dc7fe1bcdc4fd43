import { type Figure, type Measurement, median } from './figure.ts';
import { DATA, FRAME } from './message.ts';
import { Stage } from './stage.ts';

/**
 * What a delivery costs a gateway, in CPU of its process, beside the least that Node can do: a bare
 * loop of `socket.write` of the same bytes over the same sockets. The two take turns.
 */
export const fanOut: Measurement = {
  name: 'fan-out',
  text: 'one message to 10,000 subscribers, CPU per delivery over a bare loop of socket.write',
  seconds: 60,
  async run(progress) {
    const stage = await Stage.open();
    try {
      await stage.connect(CONNECTIONS, 'room');
      return await measured(stage, progress);
    } finally {
      stage.close();
    }
  },
};

const CONNECTIONS = 10_000;
const ROUNDS = 24;
const BATCH = 10;

interface Round {
  readonly bare: number;
  readonly one: number;
  readonly batch: number;
}

async function measured(stage: Stage, progress: (line: string) => void): Promise<Figure[]> {
  const rounds: Round[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const bare = await cost(stage, async () => {
      await stage.order({ order: 'write', frame: FRAME });
      await stage.received(CONNECTIONS);
    });
    const one = await cost(stage, () => stage.publish([message()], CONNECTIONS));
    const messages = Array.from({ length: BATCH }, message);
    const batch = await cost(stage, () => stage.publish(messages, CONNECTIONS * BATCH));
    // The first warms both up.
    if (round > 0) rounds.push({ bare, one, batch: batch / BATCH });
  }
  const bare = median(rounds.map((round) => round.bare));
  const shown = (value: number) => `${value.toFixed(2)} µs against ${bare.toFixed(2)} µs`;
  const one = median(rounds.map((round) => round.one));
  const batch = median(rounds.map((round) => round.batch));
  progress(`${CONNECTIONS} connections: ${shown(one)}; in batches of ten ${shown(batch)}`);
  return [
    {
      what: 'CPU per delivery, one message to 10,000, over a bare socket.write',
      value: median(rounds.map((round) => round.one / round.bare)),
      ...{ unit: '×', atMost: 1.1, detail: shown(one) },
    },
    {
      what: 'CPU per delivery, ten messages in one batch, over a bare socket.write each',
      value: median(rounds.map((round) => round.batch / round.bare)),
      ...{ unit: '×', atMost: 0.2, detail: shown(batch) },
    },
  ];
}

const message = () => ({ topic: 'room', data: DATA });

/** Microseconds of the gateway per connection. */
async function cost(stage: Stage, step: () => Promise<void>): Promise<number> {
  const before = await stage.order({ order: 'collect' });
  await step();
  const after = await stage.order({ order: 'usage' });
  return (after.cpu - before.cpu) / CONNECTIONS;
}
