// `node --import ./process/early-signal.js gateway/main.js`: the first process of a container gets
// no signal that it has not asked for, and what asks for it takes seconds to load on a busy node.

let came = false;
const note = () => {
  came = true;
};
process.on('SIGTERM', note);

/** Whether SIGTERM came already. From here on the caller hears it. */
export function earlySigterm(): boolean {
  process.off('SIGTERM', note);
  return came;
}
