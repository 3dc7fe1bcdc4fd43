import type { Figures } from './crowd.ts';
import { byId, figure, setText } from './elements.ts';

/** Kept for the tab, so that a reload hides nothing. `underWay` is of the moment only. */
type Kept = Omit<Figures, 'underWay'>;

const NOTHING: Kept = { delivered: 0, lost: 0, duplicated: 0, gaps: 0, reconnects: 0, moves: 0 };
const fields = ['delivered', 'lost', 'duplicated', 'gaps', 'reconnects', 'moves'] as const;

/** The counters, since this tab first saw this run of the process. */
export class CountersView {
  #key = '';
  #before: Kept = NOTHING;
  #now: Kept = NOTHING;

  constructor() {
    // Not at every change: storage is slow.
    addEventListener('pagehide', () => this.#keep());
  }

  /** A process that was started anew has its own counters. */
  onRun(run: string): void {
    const key = `wscluster.figures.${run}`;
    if (key === this.#key) return;
    this.#key = key;
    this.#before = readKept(sessionStorage.getItem(key));
  }

  show(figures: Figures): void {
    this.#now = figures;
    for (const field of fields) {
      setText(byId(field), figure(this.#before[field] + figures[field]));
    }
    setText(byId('under-way'), figure(figures.underWay));
    judge('lost-card', this.#before.lost + figures.lost);
    judge('duplicated-card', this.#before.duplicated + figures.duplicated);
  }

  #keep(): void {
    const sum = fields.map((field) => [field, this.#before[field] + this.#now[field]] as const);
    sessionStorage.setItem(this.#key, JSON.stringify(Object.fromEntries(sum)));
  }
}

function judge(card: string, count: number): void {
  byId(card).className = `counter big ${count === 0 ? 'good' : 'bad'}`;
}

function readKept(text: string | null): Kept {
  const kept = JSON.parse(text ?? '{}') as Partial<Kept>;
  const entries = fields.map((field) => [field, Number(kept[field] ?? 0)] as const);
  return { ...NOTHING, ...Object.fromEntries(entries) };
}
