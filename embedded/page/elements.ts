/** The element of the page with this id; it stands in index.html. */
export function byId(id: string): HTMLElement;
export function byId<E extends HTMLElement>(id: string, kind: new () => E): E;
export function byId(id: string, kind = HTMLElement): HTMLElement {
  const element = document.getElementById(id);
  if (!(element instanceof kind)) throw new Error(`index.html has no #${id} of that kind`);
  return element;
}

interface Attributes {
  readonly class?: string;
  readonly text?: string;
  readonly title?: string;
}

/** A new element with class and text. */
export function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  if (attributes.class !== undefined) element.className = attributes.class;
  if (attributes.text !== undefined) element.textContent = attributes.text;
  if (attributes.title !== undefined) element.title = attributes.title;
  return element;
}

/** Writes only what changed, so that nothing is laid out anew without need. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });

/** 12,345 or 0.4 */
export function figure(value: number): string {
  return value < 10 && !Number.isInteger(value) ? short.format(value) : whole.format(value);
}
