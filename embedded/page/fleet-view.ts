import type { Action, FleetView as Fleet, GatewayView } from '../contract.ts';
import { byId, make, setText } from './elements.ts';
import { ownOf } from './gateway-colours.ts';

/** A connection of the page, as the picture shows it. */
export interface Dot {
  readonly key: string;
  readonly colour: string;
  readonly you: boolean;
  /** Port of the gateway that it is connected to; undefined while it is between two. */
  readonly port: number | undefined;
}

interface Card {
  readonly root: HTMLLIElement;
  readonly state: HTMLElement;
  readonly load: HTMLElement;
  readonly slots: HTMLElement;
  readonly acts: HTMLElement;
  shown: string;
}

const DOT_PITCH = 19;
/** Connections of other programs that are drawn for one gateway; the number is written anyway. */
const FOREIGN_MAX = 24;

/** The gateways with their connections, and what can be done to them. */
export class FleetView {
  readonly #list = byId('gateways');
  readonly #stage = byId('stage');
  readonly #limbo = byId('limbo');
  readonly #layer = byId('dots');
  readonly #cards = new Map<number, Card>();
  readonly #dots = new Map<string, HTMLElement>();
  readonly #onAction: (id: number, action: Action) => void;
  #gateways: readonly GatewayView[] = [];
  #connections: readonly Dot[] = [];

  constructor(onAction: (id: number, action: Action) => void) {
    this.#onAction = onAction;
    new ResizeObserver(() => this.#place()).observe(this.#stage);
  }

  showFleet(fleet: Fleet): void {
    this.#gateways = fleet.gateways;
    for (const gateway of fleet.gateways) {
      let card = this.#cards.get(gateway.id);
      if (card === undefined) {
        card = makeCard(gateway);
        this.#cards.set(gateway.id, card);
        this.#list.append(card.root);
      }
      this.#fill(card, gateway);
    }
    this.#place();
  }

  showConnections(dots: readonly Dot[]): void {
    this.#connections = dots;
    this.#place();
  }

  #fill(card: Card, gateway: GatewayView): void {
    setText(card.load, connectionsText(gateway.connections));
    if (card.shown === gateway.condition) return;
    card.shown = gateway.condition;
    card.root.dataset['condition'] = gateway.condition;
    setText(card.state, gateway.condition);
    card.acts.replaceChildren(
      ...actionsOf(gateway).map((action) => {
        const { label, title } = deeds[action];
        const button = make('button', {
          text: label,
          title,
          class: action === 'kill' ? 'danger' : '',
        });
        button.type = 'button';
        button.dataset['action'] = action;
        button.setAttribute('aria-label', `${label} ${gateway.name}`);
        button.addEventListener('click', () => this.#onAction(gateway.id, action));
        return button;
      }),
    );
  }

  /** Puts every dot to its gateway; CSS makes it travel. */
  #place(): void {
    const shown = new Set<string>();
    for (const gateway of this.#gateways) {
      const card = this.#cards.get(gateway.id);
      if (card === undefined) continue;
      const own = this.#connections.filter(({ port }) => port === gateway.port);
      const foreign = Math.min(FOREIGN_MAX, Math.max(0, gateway.connections - own.length));
      const others = Array.from({ length: foreign }, (_, index) => foreignDot(gateway, index));
      this.#arrange([...own, ...others], card.slots, shown);
    }
    const between = this.#connections.filter(({ port }) => !this.#isShown(port));
    this.#arrange(between, this.#limbo, shown);
    for (const [key, element] of this.#dots) {
      if (shown.has(key)) continue;
      element.remove();
      this.#dots.delete(key);
    }
  }

  #isShown(port: number | undefined): boolean {
    return this.#gateways.some((gateway) => gateway.port === port);
  }

  #arrange(dots: readonly Dot[], area: HTMLElement, shown: Set<string>): void {
    const stage = this.#stage.getBoundingClientRect();
    const box = area.getBoundingClientRect();
    const columns = Math.max(1, Math.floor((box.width - 8) / DOT_PITCH));
    const rows = Math.max(1, Math.ceil(dots.length / columns));
    // Many dots come closer to each other instead of leaving the box.
    const pitch = Math.min(DOT_PITCH, (box.height - 8) / rows);
    for (const [index, dot] of dots.entries()) {
      const x = box.left - stage.left + 13 + (index % columns) * DOT_PITCH;
      const y = box.top - stage.top + 8 + pitch / 2 + Math.floor(index / columns) * pitch;
      this.#put(dot, x, area === this.#limbo ? box.bottom - stage.top - 13 : y);
      shown.add(dot.key);
    }
  }

  #put(dot: Dot, x: number, y: number): void {
    let element = this.#dots.get(dot.key);
    if (element === undefined) {
      element = make('span', { class: 'dot' });
      element.style.setProperty('--dot', dot.colour);
      this.#dots.set(dot.key, element);
      this.#layer.append(element);
    }
    element.classList.toggle('you', dot.you);
    element.classList.toggle('foreign', dot.colour === '');
    element.classList.toggle('away', dot.port === undefined);
    element.style.transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`;
  }
}

function makeCard(gateway: GatewayView): Card {
  const root = make('li', { class: 'gateway' });
  const name = make('div', { class: 'name' });
  name.append(make('span', { text: gateway.name }));
  name.append(make('span', { class: 'port', text: `:${gateway.port}` }));
  const about = make('div', { class: 'about' });
  const state = make('span', { class: 'state' });
  const load = make('span', { class: 'load' });
  about.append(state, load);
  const slots = make('div', { class: 'slots' });
  const acts = make('div', { class: 'acts' });
  root.append(name, about, slots, acts);
  root.style.setProperty('--own', ownOf(gateway.name));
  root.dataset['gateway'] = String(gateway.id);
  return { root, state, load, slots, acts, shown: '' };
}

const deeds: Record<Action, { readonly label: string; readonly title: string }> = {
  kill: { label: 'Kill', title: 'It ends without a word, as a process that is killed.' },
  freeze: { label: 'Freeze', title: 'It stands still, as a process that is stopped.' },
  thaw: { label: 'Thaw', title: 'It goes on.' },
  drain: { label: 'Drain', title: 'It gives its shards away, asks its clients to go, and ends.' },
  revive: { label: 'Start again', title: 'A new process on the same port.' },
};

function actionsOf({ condition }: GatewayView): readonly Action[] {
  switch (condition) {
    case 'running':
      return ['kill', 'freeze', 'drain'];
    case 'frozen':
      return ['kill', 'thaw'];
    case 'draining':
      return ['kill'];
    case 'killed':
    case 'left':
      return ['revive'];
    case 'starting':
      return [];
  }
}

function connectionsText(count: number): string {
  return count === 1 ? '1 client' : `${count} clients`;
}

function foreignDot(gateway: GatewayView, index: number): Dot {
  return { key: `foreign-${gateway.id}-${index}`, colour: '', you: false, port: gateway.port };
}
