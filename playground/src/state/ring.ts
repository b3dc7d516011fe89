/** `list` with `item` at its end and at most `max` items; the oldest go. */
export const pushed = <Item>(list: readonly Item[], item: Item, max: number): Item[] =>
  [...list.slice(Math.max(0, list.length + 1 - max)), item];
