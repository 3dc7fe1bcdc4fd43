// `npm start`: gateways in one process, and a page that shows them.

import { run } from './run.ts';

process.exit(await run(process.argv.slice(2)));
