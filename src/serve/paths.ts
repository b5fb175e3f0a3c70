import { fileURLToPath } from 'node:url'

/** Where this copy of Berth lies: the folder of package.json. */
export const home = fileURLToPath(new URL('../..', import.meta.url))
