import type { Action, FleetView as Fleet } from '../contract.ts';
import { Control } from './control.ts';
import { CountersView } from './counters-view.ts';
import { Crowd } from './crowd.ts';
import { DashboardView } from './dashboard-view.ts';
import { byId, setText } from './elements.ts';
import { FleetView } from './fleet-view.ts';
import { JournalView } from './journal-view.ts';
import { isCursor, isSample, topics } from './messages.ts';
import type { Person, Received } from './participant.ts';
import { RingFollower } from './ring-follower.ts';
import { RingView } from './ring-view.ts';
import { RoomView } from './room-view.ts';

const SECOND_MS = 1_000;
const FIGURES_MS = 200;

const DEEDS: Record<Action, string> = {
  kill: 'was killed',
  freeze: 'is frozen',
  thaw: 'thawed',
  drain: 'drains: it owns nothing any more, and asks its clients to go',
  revive: 'was started again',
};

/** The page: gives what happens to the views, and what is pressed to the crowd and the fleet. */
export class Page {
  readonly #control = new Control();
  readonly #crowd: Crowd;
  readonly #counters = new CountersView();
  readonly #journal = new JournalView();
  readonly #dashboard = new DashboardView();
  readonly #fleetView: FleetView;
  readonly #room: RoomView;
  readonly #ringView = new RingView();
  readonly #ring: RingFollower;
  #fleet: Fleet | undefined;
  #up = true;

  constructor() {
    this.#crowd = new Crowd({
      onMessage: (received) => this.#show(received),
      onGap: (person, topic, reason) => this.#onGap(person, topic, reason),
      onReunited: (moved, seconds) => this.#onReunited(moved, seconds),
      onConnections: () => this.#showConnections(),
      onMoved: (count) => this.#journal.add(`${clientsText(count)} moved without a break.`),
    });
    this.#ring = new RingFollower({
      bring: () => this.#control.ringDocument(),
      onRing: (ring) => this.#ringView.showRing(ring),
      onChange: (text) => this.#journal.add(text),
    });
    this.#fleetView = new FleetView((id, action) => this.#act(id, action));
    this.#room = new RoomView(({ x, y }, click) => this.#crowd.point(x, y, click));
  }

  async open(): Promise<void> {
    this.#onFleet(await this.#control.fleet());
    // Nothing on the page may be older than the gateways that it shows.
    this.#refresh();
    this.#control.follow(
      (fleet) => this.#onFleet(fleet),
      (up) => this.#onUp(up),
    );
    this.#listenToButtons();
    setInterval(() => this.#refresh(), FIGURES_MS);
    await this.#crowd.open();
    this.#journal.add(`${this.#crowd.size} clients are connected, each by a WebSocket of its own.`);
    setInterval(() => void this.#crowd.report(), SECOND_MS);
  }

  #showConnections(): void {
    const dots = this.#crowd.dots();
    this.#fleetView.showConnections(dots);
    this.#ringView.showConnections(dots);
  }

  #onFleet(fleet: Fleet): void {
    this.#tellWhoLeft(fleet);
    this.#fleet = fleet;
    this.#crowd.onFleet(fleet);
    this.#counters.onRun(fleet.run);
    this.#fleetView.showFleet(fleet);
    this.#ringView.showFleet(fleet.gateways, fleet.ring !== undefined);
    void this.#ring.follow(fleet.ring);
    this.#showConnections();
    byId('start-gateway', HTMLButtonElement).disabled = !fleet.mayStart;
    const store = fleet.store === 'redis' ? 'Redis Streams' : 'the memory stream';
    setText(byId('store'), `The log: ${store}`);
    const since = new Date(fleet.startedAt).toLocaleTimeString('en-GB');
    setText(byId('facts'), `one process · up since ${since}`);
  }

  #tellWhoLeft({ gateways }: Fleet): void {
    for (const { id, name, condition } of gateways) {
      const before = this.#fleet?.gateways.find((gateway) => gateway.id === id)?.condition;
      if (before === 'draining' && condition === 'left') {
        this.#journal.add(`${name} is empty, and left.`);
      }
    }
  }

  #onUp(up: boolean): void {
    if (up === this.#up) return;
    this.#up = up;
    this.#journal.add(up ? 'The process answers again.' : 'The process does not answer.');
  }

  #listenToButtons(): void {
    this.#onPress('start-gateway', async () => {
      this.#onFleet(await this.#control.start());
      this.#journal.add(`${this.#fleet?.gateways.at(-1)?.name ?? 'A gateway'} was started.`);
    });
    this.#onPress('more-clients', async () => {
      this.#journal.add(`${await this.#crowd.more()} more clients joined.`);
      byId('more-clients', HTMLButtonElement).disabled = this.#crowd.full;
    });
    this.#onPress('burst', async () => {
      const { count, seconds } = await this.#crowd.burst();
      this.#journal.add(`${count} messages acknowledged in ${seconds.toFixed(2)} s.`);
    });
  }

  /** One thing at a time for each button; what fails is written into the journal. */
  #onPress(id: string, deed: () => Promise<void>): void {
    const button = byId(id, HTMLButtonElement);
    button.addEventListener('click', () => {
      if (button.ariaBusy === 'true') return;
      button.ariaBusy = 'true';
      deed()
        .catch((error: unknown) => this.#journal.add(`That failed: ${messageOf(error)}`))
        .finally(() => {
          button.ariaBusy = 'false';
        });
    });
  }

  #act(id: number, action: Action): void {
    this.#control
      .act(id, action)
      .then((fleet) => {
        this.#onFleet(fleet);
        this.#journal.add(`gateway-${id} ${DEEDS[action]}.`);
      })
      .catch((error: unknown) => this.#journal.add(`That failed: ${messageOf(error)}`));
  }

  #show({ topic, data }: Received): void {
    if (topic === topics.room && isCursor(data)) {
      const { from, name, colour, x, y, click } = data;
      const you = from === this.#crowd.yourKey;
      this.#room.see({ key: from, name, colour, you, at: { x, y }, click });
    } else if (topic === topics.dashboard && isSample(data) && this.#crowd.isOurs(data)) {
      this.#dashboard.add(data);
    }
  }

  #onGap(person: Person, topic: string, reason: string): void {
    this.#journal.add(`${person.name} got a gap on ${topic}: ${reason}.`);
  }

  #onReunited(moved: number, seconds: number): void {
    const after = `all are connected again after ${seconds.toFixed(1)} s`;
    this.#journal.add(`${clientsText(moved)} reconnected; ${after}.`);
  }

  #refresh(): void {
    this.#counters.show(this.#crowd.figures());
    this.#dashboard.showTopics(this.#crowd.topicRows());
    const { present } = this.#room;
    setText(byId('room-note'), `${present} here · every movement is a message`);
  }
}

function clientsText(count: number): string {
  return count === 1 ? '1 client' : `${count} clients`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
