import { Client } from '../../../client/index.ts';

/**
 * An application as small as can be: it renders each message of a room, and whether it is
 * connected. Apart from it, observers write down what was there to be seen, which the application
 * cannot touch.
 */
declare global {
  interface Window {
    /** What the room said, in the order in which it was rendered. */
    readonly rendered: string[];
    /** Every state that was shown. */
    readonly shown: string[];
    /** `reason` of each move. */
    readonly moves: string[];
  }
}

const [state, messages] = [element('state'), element('messages')];
const rendered: string[] = [];
const shown: string[] = [];
const moves: string[] = [];
Object.assign(window, { rendered, shown, moves });
observe(messages, rendered);
observe(state, shown);

const url = new URLSearchParams(location.search).get('url') ?? '';
const client = new Client({ url });
const show = () => {
  state.textContent = client.state;
};
client.on('state', show);
client.on('moved', ({ reason }) => moves.push(reason));
show();
client.subscribe<string>('room').on('message', ({ data }) => {
  const item = document.createElement('li');
  item.textContent = data;
  messages.append(item);
});

function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no ${id}`);
  return found;
}

/** Texts of all nodes that are ever added, one that comes twice twice. */
function observe(target: HTMLElement, seen: string[]): void {
  const observer = new MutationObserver((records) => {
    for (const { addedNodes } of records) {
      for (const node of addedNodes) seen.push(node.textContent ?? '');
    }
  });
  observer.observe(target, { childList: true });
}
