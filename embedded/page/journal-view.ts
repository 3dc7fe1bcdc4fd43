import { byId, make } from './elements.ts';

const LINES = 12;

/** What happened, newest first. */
export class JournalView {
  readonly #list = byId('journal');

  add(text: string): void {
    const line = make('li');
    const now = new Date();
    const time = make('time', { text: now.toLocaleTimeString('en-GB') });
    time.dateTime = now.toISOString();
    line.append(time, make('span', { text }));
    this.#list.prepend(line);
    while (this.#list.childElementCount > LINES) this.#list.lastElementChild?.remove();
  }
}
