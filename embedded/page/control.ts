import { type Action, type FleetView, paths } from '../contract.ts';

/** The control API, as the page sees it. */
export class Control {
  /** Follows the fleet for as long as the page lives; `up` tells whether the process answers. */
  follow(onView: (view: FleetView) => void, onUp: (up: boolean) => void): void {
    const events = new EventSource(paths.events);
    events.onopen = () => onUp(true);
    // The browser tries again by itself.
    events.onerror = () => onUp(false);
    events.onmessage = ({ data }: MessageEvent<string>) => onView(JSON.parse(data) as FleetView);
  }

  fleet(): Promise<FleetView> {
    return answerOf(fetch(paths.fleet));
  }

  /** The document of the ring in force; undefined when it cannot be had now. */
  async ringDocument(): Promise<string | undefined> {
    const response = await fetch(paths.ring).catch(() => undefined);
    return response?.ok === true ? response.text().catch(() => undefined) : undefined;
  }

  start(): Promise<FleetView> {
    return answerOf(fetch(paths.gateways, { method: 'POST' }));
  }

  act(id: number, action: Action): Promise<FleetView> {
    return answerOf(fetch(`${paths.gateways}/${id}/${action}`, { method: 'POST' }));
  }
}

async function answerOf(request: Promise<Response>): Promise<FleetView> {
  const response = await request;
  const body = (await response.json()) as FleetView & { readonly message?: string };
  if (!response.ok)
    throw new Error(body.message ?? `the page's server answered ${response.status}`);
  return body;
}
