import { byId, figure, make, setText } from './elements.ts';

/** One message of the dashboard's topic: what the page measured in one second. */
export interface Sample {
  /** Per second. */
  readonly published: number;
  readonly delivered: number;
  /** Milliseconds from publish to delivery, of messages published by this page. */
  readonly delayMedian: number;
  readonly delayHigh: number;
}

export interface TopicRow {
  readonly topic: string;
  /** Per second. */
  readonly published: number;
  readonly delivered: number;
  /** Number of the newest message; 0: none was seen. */
  readonly seq: number;
}

interface Chart {
  readonly figure: HTMLElement;
  readonly line: SVGPathElement;
  readonly area: SVGPathElement;
  readonly values: number[];
}

const SECONDS = 60;
const charts = [
  { field: 'delivered', title: 'delivered', unit: '/s' },
  { field: 'published', title: 'published', unit: '/s' },
  { field: 'delayMedian', title: 'delay, median', unit: 'ms' },
  { field: 'delayHigh', title: 'delay, 99 %', unit: 'ms' },
] as const satisfies readonly { field: keyof Sample; title: string; unit: string }[];

/** Draws what arrives on the dashboard's topic, and the rates of each topic. */
export class DashboardView {
  readonly #charts = new Map<keyof Sample, Chart>();
  readonly #rows = new Map<string, HTMLTableRowElement>();
  readonly #table = byId('topics');

  constructor() {
    const root = byId('charts');
    for (const { field, title, unit } of charts) {
      const chart = makeChart(title, unit);
      this.#charts.set(field, chart.chart);
      root.append(chart.element);
    }
  }

  add(sample: Sample): void {
    for (const [field, chart] of this.#charts) {
      chart.values.push(sample[field]);
      if (chart.values.length > SECONDS) chart.values.shift();
      setText(chart.figure, figure(sample[field]));
      draw(chart);
    }
  }

  showTopics(rows: readonly TopicRow[]): void {
    for (const { topic, published, delivered, seq } of rows) {
      let row = this.#rows.get(topic);
      if (row === undefined) {
        row = make('tr');
        row.append(make('td', { text: topic }), make('td'), make('td'), make('td'));
        this.#rows.set(topic, row);
        this.#table.append(row);
      }
      const texts = [
        `${figure(published)} /s`,
        `${figure(delivered)} /s`,
        seq === 0 ? '–' : figure(seq),
      ];
      for (const [index, text] of texts.entries()) {
        const cell = row.cells[index + 1];
        if (cell !== undefined) setText(cell, text);
      }
    }
  }
}

const SVG = 'http://www.w3.org/2000/svg';

function makeChart(title: string, unit: string): { chart: Chart; element: HTMLElement } {
  const element = make('div', { class: 'chart' });
  const value = make('span', { class: 'figure', text: '–' });
  const line = make('div');
  line.append(value, make('span', { class: 'unit', text: ` ${unit}` }));
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', `0 0 ${SECONDS - 1} 100`);
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', `${title}, the last minute`);
  const path = (name: string): SVGPathElement => {
    const made = document.createElementNS(SVG, 'path');
    made.setAttribute('class', name);
    svg.append(made);
    return made;
  };
  const chart = { figure: value, area: path('area'), line: path('line'), values: [] };
  element.append(make('div', { class: 'title', text: title, title }), line, svg);
  return { chart, element };
}

function draw({ values, line, area }: Chart): void {
  const top = Math.max(1, ...values) * 1.1;
  const start = SECONDS - values.length;
  const points = values.map(
    (value, index) => `${start + index},${(98 - (value / top) * 92).toFixed(1)}`,
  );
  line.setAttribute('d', `M${points.join('L')}`);
  area.setAttribute('d', `M${start},100L${points.join('L')}L${SECONDS - 1},100Z`);
}
