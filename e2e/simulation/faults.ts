import type { Fault } from './nemesis.ts';

/** In every world, but for those that only worlds without a ring know. */
export const worldFaults: readonly Fault[] = [
  { name: 'gateway killed', weight: 3, inflict: (nemesis) => nemesis.kill(false) },
  { name: 'gateway gone silently', weight: 2, inflict: (nemesis) => nemesis.kill(true) },
  { name: 'gateway frozen', weight: 3, inflict: (nemesis) => nemesis.freezeGateway() },
  { name: 'gateway drained', weight: 2, inflict: (nemesis) => nemesis.drain() },
  {
    name: 'clients sent elsewhere',
    weight: 3,
    ringless: true,
    inflict: (nemesis) => nemesis.sendElsewhere(),
  },
  { name: 'gateway cut from store', weight: 3, inflict: (nemesis) => nemesis.cut('one') },
  { name: 'all cut from store', weight: 1, inflict: (nemesis) => nemesis.cut('all') },
  { name: 'store restarted', weight: 2, inflict: (nemesis) => nemesis.restartStore() },
  { name: 'store lost one end', weight: 2, inflict: (nemesis) => nemesis.loseEnd() },
  {
    name: 'store lost what nobody answered',
    weight: 1,
    inflict: (nemesis) => nemesis.loseUnheard(),
  },
  { name: 'store fell back', weight: 2, inflict: (nemesis) => nemesis.fallBack(0) },
  { name: 'store restarted and fell back', weight: 3, inflict: (nemesis) => nemesis.fallBack(1) },
  {
    name: 'store restarted twice and fell back',
    weight: 1,
    inflict: (nemesis) => nemesis.fallBack(2),
  },
  { name: 'bells disturbed', weight: 3, inflict: (nemesis) => nemesis.disturbBells() },
  { name: 'requests disturbed', weight: 3, inflict: (nemesis) => nemesis.disturbRequests() },
  { name: 'line broken', weight: 4, inflict: (nemesis) => nemesis.breakLine() },
  { name: 'line half open', weight: 3, inflict: (nemesis) => nemesis.swallow() },
  { name: 'line slow', weight: 3, inflict: (nemesis) => nemesis.slow() },
  { name: 'connects refused', weight: 2, inflict: (nemesis) => nemesis.refuse() },
  { name: 'client frozen', weight: 3, inflict: (nemesis) => nemesis.freezeClient() },
  { name: 'resubscribed', weight: 2, inflict: (nemesis) => nemesis.resubscribe() },
  { name: 'burst', weight: 3, inflict: (nemesis) => nemesis.burst() },
];
