import { type EventLoopUtilization, monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { SeriesMaker } from './series.ts';

/** Resolution of the lag, ms; a finer one would wake an idle process more often. */
const RESOLUTION_MS = 20;

/** What the process itself needs and how busy it is. */
export class ProcessSeries {
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  #utilisation: EventLoopUtilization = performance.eventLoopUtilization();

  constructor(make: SeriesMaker) {
    make.gauge(
      'event_loop_utilisation_ratio',
      'Share of time, since the last scrape, in which the event loop was busy.',
      () => {
        const now = performance.eventLoopUtilization();
        const { utilization } = performance.eventLoopUtilization(now, this.#utilisation);
        this.#utilisation = now;
        return Number.isFinite(utilization) ? utilization : 0;
      },
    );
    make.gauges('event_loop_lag_seconds', 'Lateness of timers since the last scrape.', {
      label: 'quantile',
      values: ['0.5', '0.99', '1'],
      read: () => this.#lag(),
    });
    make.gauge('process_cpu_seconds', 'CPU time of the process, user and system.', () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    });
    make.gauge('process_resident_bytes', 'Memory of the process.', () => process.memoryUsage.rss());
    make.gauge(
      'process_heap_bytes',
      'JavaScript heap in use.',
      () => process.memoryUsage().heapUsed,
    );
    make.gauge('process_uptime_seconds', 'Age of the process.', () => process.uptime());
  }

  /** Lateness of timers since the last scrape, 99th percentile, ms. */
  get lagMs(): number {
    return this.#lagNow()['0.99'] * 1_000;
  }

  start(): void {
    this.#delay.enable();
  }

  stop(): void {
    this.#delay.disable();
  }

  #lag() {
    const lag = this.#lagNow();
    this.#delay.reset();
    return lag;
  }

  #lagNow() {
    const seconds = (nanoseconds: number) => (Number.isFinite(nanoseconds) ? nanoseconds / 1e9 : 0);
    return {
      '0.5': seconds(this.#delay.percentile(50)),
      '0.99': seconds(this.#delay.percentile(99)),
      '1': seconds(this.#delay.max),
    };
  }
}
