/** The rules of the protocol that a mutant breaks, one each. All true: the protocol as it is. */
export const rules = {
  /** A script that finds another lineage than the recorded one begins a new epoch. */
  lineageMakesEpoch: true,
  /** What ended is put on the chain with the last seq that survived, … */
  limitNotLower: true,
  /** … not with a later one. */
  limitNotHigher: true,
  /** A cursor above the limit of its epoch gets `gap truncated`. */
  truncationIsTold: true,
  /** What a pod knew above the limit becomes `gap lost`. */
  knownIsTold: true,
  /** Nothing crosses into a new epoch before all pods have reported. */
  settleFirst: true,
  /** The producer's pod reports what was acknowledged, too. */
  ackedIsReported: true,
  /** What is two retentions old has expired: a pod that reported it would call it lost. */
  expiredIsNotReported: true,
  /** A report of an epoch that the surviving log never heard of puts it on the chain. */
  lostEpochJoinsChain: true,
  /** It says where the epoch began: where nothing was written in it, nothing is lost. */
  originIsReported: true,
  /** Epochs that were reported once are reported again: the log that knew may be lost. */
  pastIsReported: true,
  /** The first entry after a cursor must be the next number, or there is `gap trimmed`. */
  holeIsProven: true,
  /** A live copy that skips a number is not believed. */
  bellHoleIsRepaired: true,
  /** A live copy that came before is dropped. */
  bellRepeatIsDropped: true,
  /** A live copy of another epoch is not believed, even with the next number. */
  bellEpochIsChecked: true,
  /** The head is compared with the log now and then, so that a lost last copy is found. */
  headIsProbed: true,
  /** A subscription becomes live only where the topic is, … */
  joinAtHead: true,
  /** … in the same epoch. */
  joinInEpoch: true,
  /** Number 0 of an epoch is a place where a topic can be again: only the log knows. */
  placeZeroIsAsked: true,
  /** The same (producer, seq) is written once. */
  retryIsIdempotent: true,
  /** The client drops an id that it has seen, after a change of epoch. */
  idIsDropped: true,
  /** A session's cursor is saved by what the client answered, never by a write. */
  savedByPong: true,
  /** Without meta a cursor that was confirmed two retentions ago has expired. */
  oldCursorExpires: true,
  /** Without meta a cursor of the topic's, from before the last change of lineage, is unknown. */
  worldLineageIsChecked: true,
  /** So has one of the world's epoch that was confirmed so long before the topic was born. */
  worldCursorAges: true,
  /** A birth takes a fresh epoch. */
  birthIsFresh: true,
};

export type Rules = Readonly<typeof rules>;
