import type { Bell, Log } from '../../gateway/stream/log.ts';
import type { SimulatedProcess } from './simulated-process.ts';

/** A log as a process sees it: answers and bells reach it only while it runs. */
export function logOf(log: Log, process: SimulatedProcess): Log {
  const bellOf = (bell: Bell): Bell => ({
    entries: (topic, entries, second) => process.run(() => bell.entries(topic, entries, second)),
    announced: (topic, range) => process.run(() => bell.announced(topic, range)),
    probed: (token) => process.run(() => bell.probed(token)),
    superseded: (key, generation) => process.run(() => bell.superseded(key, generation)),
    up: () => process.run(() => bell.up()),
    down: (reason) => process.run(() => bell.down(reason)),
  });
  return {
    unsuitable: log.unsuitable,
    start: (bell, deadlineMs) => process.gate(log.start(bellOf(bell), deadlineMs)),
    stop: () => process.gate(log.stop()),
    append: (topic, batch, replicas) => process.gate(log.append(topic, batch, replicas)),
    resume: (topic, request) => process.gate(log.resume(topic, request)),
    report: (lineage, known, last) => process.gate(log.report(lineage, known, last)),
    listen: (topic) => process.gate(log.listen(topic)),
    unlisten: (topic) => log.unlisten(topic),
    now: () => log.now(),
    probe: (token) => process.gate(log.probe(token)),
    openSession: (key) => process.gate(log.openSession(key)),
    saveSession: (key, generation, changed) =>
      process.gate(log.saveSession(key, generation, changed)),
  };
}
