/** How clients of the servers that are measured become subscribers, and what they hear then. */
export interface Dialect {
  /** What a client says, and how the answer to it begins, in this order; the last subscribes. */
  conversation(topic: string, position?: string): readonly Exchange[];
  /** How the frame of a message begins. */
  readonly message: string;
}

interface Exchange {
  /** Nothing: it only waits. */
  readonly says?: string;
  readonly hears: string;
}

const wscluster: Dialect = {
  conversation: (name, position) => {
    const topics = [position === undefined ? name : { topic: name, position }];
    return [
      { says: '{"type":"hello"}', hears: '{"type":"welcome"' },
      { says: JSON.stringify({ type: 'sub', id: 1, topics }), hears: '{"type":"subbed"' },
    ];
  },
  message: '{"type":"msg"',
};

/** Everybody who is connected gets everything, in the frames of a gateway. */
const ws: Dialect = {
  conversation: () => [{ hears: '{"type":"welcome"' }],
  message: '{"type":"msg"',
};

/** Engine.IO 4 with Socket.IO 5 in it; the server puts whoever connects into the room. */
const socketIo: Dialect = {
  conversation: () => [{ hears: '0{' }, { says: '40', hears: '40{' }],
  message: '42[',
};

const centrifuge: Dialect = {
  conversation: (channel) => [
    { says: '{"id":1,"connect":{}}', hears: '{"id":1,"connect"' },
    { says: JSON.stringify({ id: 2, subscribe: { channel } }), hears: '{"id":2,"subscribe"' },
  ],
  message: '{"push"',
};

export const dialects = { wscluster, ws, 'socket.io': socketIo, centrifuge } as const;

export type DialectName = keyof typeof dialects;
