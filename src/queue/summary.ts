import { own } from '../lib/own.js'
import { defaultEntry, type Release } from '../store/releases.js'

/** What an operation says in the end: what runs of a release now, where it answers, and how to run what does not. */
export function summaryOf(release: Release, url: string): string[] {
  const types = Object.keys(release.processTypes).filter((type) => type !== 'release')
  const quantityOf = (type: string) => (own(release.formation, type) ?? defaultEntry(type)).quantity
  const running = types.filter((type) => quantityOf(type) > 0)
  const idle = types.filter((type) => quantityOf(type) === 0)
  const scale = `scale it with \`berth ps:scale ${idle.map((type) => `${type}=1`).join(' ')}\``
  const lines = [
    ...(running.length > 0 && (types.length > 1 || !types.includes('web'))
      ? [`Runs ${running.map((type) => `${type}=${String(quantityOf(type))}`).join(' ')}`]
      : []),
    ...(idle.length > 0 ? [`${running.length === 0 ? 'Nothing runs' : `${idle.join(', ')} at 0`}: ${scale}`] : []),
  ]
  if (running.includes('web')) return [...lines, `${url} deployed to Berth`]
  if (types.includes('web')) return lines
  return [...lines, `No web process: nothing answers at ${url}`]
}
