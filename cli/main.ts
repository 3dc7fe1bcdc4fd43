// `kubectl wscluster`, or `npx wscluster`. Exit codes: 0 done; 1 it failed, or was refused; 2 told
// something that it does not understand.

/** What it loads needs that much; an older one would end in the middle of loading it. */
const OLDEST_NODE = 22;

if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE) {
  process.stderr.write(`error: it needs Node ${OLDEST_NODE} or later, not ${process.version}\n`);
  process.exit(1);
}

// Who reads has seen enough: `kubectl wscluster status | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

const { foregroundClock: clock } = await import('../protocol/clock.ts');
const { connect } = await import('./connect.ts');
const { run } = await import('./run.ts');
const { env, stdout, stderr } = process;
process.exitCode = await run(process.argv.slice(2), { env, stdout, stderr, clock, connect });
