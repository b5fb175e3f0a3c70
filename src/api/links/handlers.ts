import { factsOf } from '../../services/facts.js'
import { linkOf } from '../../services/links.js'
import type { HandlersOf } from '../handler.js'
import type { ControlApiDeps } from '../platform.js'
import { submitChange } from '../submit.js'

const variableOf = (as: string): string => (as.endsWith('_URL') ? as : `${as}_URL`)

export const linkHandlers = (platform: ControlApiDeps): HandlersOf<'links'> => {
  const { store } = platform
  return {
    list: async (_, { app }) => {
      const { links = {} } = await store.releases.current(app)
      const has = (link: string): boolean => Object.values(links).some((one) => one.link === link)
      return (await store.services.linksOf(app.id)).map(({ service, link }) => ({
        ...{ service: service.name, kind: service.kind, variable: link.variable },
        ...{ current: has(link.id), since: link.createdAt },
      }))
    },

    add: async ({ service: name, as }, { app, caller }) => {
      const service = await store.services.get(name)
      const { variable: prefix } = factsOf(service)
      const given = as === undefined ? {} : { variable: variableOf(as) }
      return submitChange(platform, app, { kind: 'link', service: service.id, name, prefix, ...given }, caller)
    },

    rotate: async ({ service: name }, { app, caller }) => {
      const service = await store.services.get(name)
      linkOf(service, app)
      return submitChange(platform, app, { kind: 'rotate', service: service.id, name }, caller)
    },

    remove: async ({ service: name }, { app, caller }) => {
      const service = await store.services.get(name)
      linkOf(service, app)
      return submitChange(platform, app, { kind: 'unlink', service: service.id, name }, caller)
    },
  }
}
