import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

/** Node tells here of every socket that a server of this process accepted. */
const ACCEPTED = 'net.server.socket';

/**
 * The sockets that were accepted on one port, in order to do to a gateway of this process what
 * happens to processes: it is killed, or it stands still. The gateway itself knows nothing of it.
 */
export class GatewaySockets {
  readonly #port: number;
  readonly #sockets = new Set<Socket>();
  readonly #onAccepted = (message: unknown) => {
    const { socket } = message as { readonly socket: Socket };
    if (socket.localPort === this.#port) this.#add(socket);
  };
  #frozen = false;

  constructor(port: number) {
    this.#port = port;
    subscribe(ACCEPTED, this.#onAccepted);
  }

  /** Nothing is read any more and nothing leaves; the kernel goes on accepting, as for a process
   * that was stopped. */
  freeze(): void {
    this.#frozen = true;
    for (const socket of this.#sockets) hold(socket);
  }

  thaw(): void {
    this.#frozen = false;
    for (const socket of this.#sockets) release(socket);
  }

  /** Ends every connection without a word, as the end of a process does. */
  destroy(): void {
    unsubscribe(ACCEPTED, this.#onAccepted);
    for (const socket of this.#sockets) socket.resetAndDestroy();
    this.#sockets.clear();
  }

  #add(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    if (this.#frozen) hold(socket);
  }
}

/** Whoever resumes a held socket finds it paused again before anything is read. */
function hold(socket: Socket): void {
  socket.on('resume', pauseAgain);
  socket.pause();
  // What is written waits in memory; the owner's own limits bound it.
  socket.cork();
}

function release(socket: Socket): void {
  socket.off('resume', pauseAgain);
  socket.uncork();
  socket.resume();
}

function pauseAgain(this: Socket): void {
  this.pause();
  // A resume that was under way when the pause came leaves Node's HTTP parser reading: it listens
  // to the event, and `pause` gives none when the stream counts as paused already.
  this.emit('pause');
}
