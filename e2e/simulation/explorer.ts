// Tells worlds in a thread of its own, as `expedition.ts` asks it to.

import { parentPort, workerData } from 'node:worker_threads';
import { type Exploration, explore } from './explore.ts';

// Refusals are ordinary here, and their stacks would cost more than the rest.
Error.stackTraceLimit = 0;
parentPort?.postMessage(await explore(workerData as Exploration));
