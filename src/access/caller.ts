import { BerthError } from '../errors.js'
import type { App } from '../store/apps.js'
import type { Asker } from '../store/operations.js'
import type { Token } from '../store/tokens.js'

/**
 * What one may be allowed. Of an app: see it, deploy to it, operate it (its config vars, which are secret, its scale, its
 * processes), manage it (its name, its end). Of Berth itself: create apps, and all else.
 */
export type Permission = 'view' | 'deploy' | 'operate' | 'manage' | 'create' | 'admin'

/** What each role may do. */
const roles = {
  admin: new Set<Permission>(['view', 'deploy', 'operate', 'manage', 'create', 'admin']),
} as const

export type Role = keyof typeof roles

/** Who asks. Made by `authenticate`, and handed on with the request for as long as it lasts. */
export interface Caller {
  /** Whose token it is, or what for. */
  readonly name: string
  /** What it came with; null where nobody had to say who they are. */
  readonly token: Token | null
  /** Its role on an app, or on Berth itself. */
  roleOn(app: App | null): Role | null
}

/** Who asks where nobody has to say who they are. */
export const anonymous: Caller = { name: 'nobody', token: null, roleOn: () => null }

/** The holder of a token. All of them are admins. */
export const holderOf = (token: Token): Caller => ({ name: token.name, token, roleOn: () => 'admin' })

/** Whether a caller may do something to an app, or with null to Berth itself. */
export function may(caller: Caller, permission: Permission, app: App | null): boolean {
  const role = caller.roleOn(app)
  return role !== null && roles[role].has(permission)
}

/** @throws BerthError `denied` */
export function demand(caller: Caller, permission: Permission, app: App | null): void {
  if (may(caller, permission, app)) return
  const what = app === null ? 'this' : `this to ${app.name}`
  throw new BerthError('denied', `${caller.name} may not do ${what}`, `it needs the permission to ${permission}`)
}

/** How an operation remembers who asked for it. */
export const askerOf = ({ name, token }: Caller): Asker | null => token && { token: token.id, name }
