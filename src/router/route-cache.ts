import { join } from 'node:path'
import type { Route } from '../store/routes.js'
import { KeptList } from './kept-list.js'
import { isRoute } from './record.js'

/** The routes last known. */
export class RouteCache extends KeptList<Route> {
  constructor(root: string) {
    super(join(root, 'router', 'routes.json'), isRoute)
  }
}
