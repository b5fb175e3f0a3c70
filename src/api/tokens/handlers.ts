import { parseDuration } from '../../lib/duration.js'
import { tokenId } from '../../store/tokens.js'
import type { HandlersOf } from '../handler.js'
import type { ControlApiDeps } from '../platform.js'

export const tokenHandlers = ({ store: { tokens } }: ControlApiDeps): HandlersOf<'tokens'> => ({
  list: async (_, { caller: { token } }) =>
    (await tokens.list()).map((one) => ({ ...one, current: one.id === token?.id })),

  create: async ({ name, expires }) => {
    const ms = expires === undefined ? null : parseDuration(expires)
    const expiresAt = ms === null ? null : new Date(Date.now() + ms).toISOString()
    const token = (await tokens.create(name, expiresAt)).reveal()
    return { id: tokenId(token), name, token, expiresAt }
  },

  revoke: async ({ token: given }, { caller: { token } }) => {
    const revoked = await tokens.revoke(given)
    return { ...revoked, current: revoked.id === token?.id }
  },
})
