import * as field from './fields.ts';
import * as limits from './limits.ts';

/** A list of (topic, position), as `ack` and `tick` carry it. */
export const positions = field.list(
  0,
  limits.topicsPerCommand,
  field.object({ topic: field.topic, position: field.position }),
);
