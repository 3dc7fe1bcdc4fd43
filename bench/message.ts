/** What is sent to everybody. */
export const DATA = { text: 'x'.repeat(40) };

/** As long as the frame that a gateway makes of it in the topic `room`. */
export const FRAME = JSON.stringify({
  type: 'msg',
  topic: 'room',
  position: 'abcdefghij:100@1700000000',
  at: 1_700_000_000_000,
  data: DATA,
});
