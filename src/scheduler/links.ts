import type { Release } from '../store/releases.js'
import type { ReleaseLinks } from '../store/release-links.js'
import type { Store } from '../store/store.js'
import type { NetworkJoin } from './settings.js'

/** Label of a container: the links that it has, with the revision of each. */
export const linksLabel = 'berth.links'

/** The network that an app and a service have together. */
export const linkNetwork = (link: string): string => `berth-link-${link}`

/** By which containers are known again that have links; none where there are none. */
export const linkLabels = (links: ReleaseLinks = {}): Record<string, string> => {
  const all = Object.values(links).map(({ link, revision }) => `${link}.${revision}`)
  return all.length === 0 ? {} : { [linksLabel]: all.sort().join(',') }
}

/** The links of a container: `<id>.<revision>`. */
export const linksIn = (labels: Readonly<Record<string, string>>): string[] =>
  (labels[linksLabel] ?? '').split(',').filter((one) => one !== '')

/** What of its links makes a process what it is, for its spec. */
export const linksInSpec = (links: ReleaseLinks = {}): readonly unknown[] => {
  const all = Object.entries(links).map(([variable, { link, revision }]) => [variable, link, revision])
  return all.length === 0 ? [] : [all.sort(([a = ''], [b = '']) => (a < b ? -1 : 1))]
}

/** The networks of a release's links. */
export const linkJoins = (links: ReleaseLinks = {}): NetworkJoin[] =>
  [...new Set(Object.values(links).map(({ link }) => link))].map((link) => ({
    network: linkNetwork(link),
    aliases: [],
  }))

/** Answers with a release that has the URLs of its links among its config vars, as they are at this moment. */
export const linkedBy =
  ({ services }: Pick<Store, 'services'>) =>
  async (release: Release): Promise<Release> =>
    release.links === undefined
      ? release
      : { ...release, config: { ...(await services.urlsOf(release.links)), ...release.config } }
