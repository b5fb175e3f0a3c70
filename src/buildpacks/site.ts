import type { Tree } from './tree.js'

const places = ['.', 'public', 'dist', 'build', '_site', 'out', 'public_html']

/** Where a finished site lies in the tree: the first place that has an index.html; null when none has. */
export const siteDirectory = (tree: Tree): string | null =>
  places.find((place) => tree.hasFile(`${place}/index.html`)) ?? null
