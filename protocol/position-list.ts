import type { TopicPosition } from './commands.ts';
import * as field from './fields.ts';
import * as limits from './limits.ts';
import { Refusal } from './refusal.ts';

/** A list of (topic, position), as `ack` and `tick` carry it. */
export const positions: field.ListOf<TopicPosition> = {
  min: 0,
  max: limits.topicsPerCommand,
  item: (value, where) => {
    if (!field.isFields(value)) throw new Refusal('bad_request', `${where}: topic and position`);
    return {
      topic: field.topic(value['topic'], `${where}.topic`),
      position: field.position(value['position'], `${where}.position`),
    };
  },
};
