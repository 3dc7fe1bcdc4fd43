/** The value of a custom property of the page, in the theme that it has now. */
export function styleOf(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** The colour of a gateway, for CSS; others that share the Redis have none of their own. */
export function ownOf(gateway: string): string {
  return `var(${propertyOf(gateway)})`;
}

/** `#rrggbb` */
export function colourOf(gateway: string): string {
  return styleOf(propertyOf(gateway));
}

function propertyOf(gateway: string): string {
  const id = /^gateway-([1-9])$/.exec(gateway)?.[1];
  return id === undefined ? '--quiet' : `--gateway-${id}`;
}
