import type { NetworkPlace } from '../../process-settings.js'
import { shown, type Field } from './field.js'

/** Networks that an app may have: each takes addresses of the server's pool. */
const most = 10
const name = /^[a-zA-Z0-9][\w.-]{0,39}$/
const alias = /^[a-zA-Z0-9](?:[\w.-]{0,61}[a-zA-Z0-9])?$/

/** Network -> whether nothing on it reaches anything outside. */
export function networksOf(networks: Field | undefined): Map<string, boolean> {
  const found = new Map([['default', false]])
  for (const [key, network] of networks?.entries() ?? []) {
    if (!name.test(key)) network.refuse('has a name that no network has', 'use letters, digits, - and _')
    found.set(key, !network.isNone && isInternal(network))
  }
  if (found.size > most) networks?.refuse(`are ${found.size}, with the default one`, `at most ${most}`)
  return found
}

const silent = [
  'name',
  'labels',
  'attachable',
  'driver_opts',
  'ipam',
  'enable_ipv4',
  'enable_ipv6',
  'internal',
  'driver',
]

function isInternal(network: Field): boolean {
  for (const [key, at] of network.entries()) {
    if (key === 'external' && (at.value.kind === 'map' || at.flag()))
      at.refuse('is not supported', 'an app reaches another by its hostname: take external out')
    else if (key === 'driver' && !['bridge', ''].includes(at.text()))
      at.refuse(`is ${shown(at.text())}`, 'networks are bridges: take it out')
    else if (key === 'ipam' || key === 'driver_opts') at.note('has no effect: addresses are of the server’s pool')
    else if (key !== 'external' && !silent.includes(key) && !key.startsWith('x-'))
      at.refuse('is not known', 'take it out')
  }
  return network.get('internal')?.flag() ?? false
}

/** The networks that a service is on, under its names; one that it reaches the outside by first. */
export function placesOf(service: Field, known: ReadonlyMap<string, boolean>, own: readonly string[]): NetworkPlace[] {
  const asked = service.get('networks')
  const listed: [string, Field | undefined][] =
    asked === undefined || asked.isNone
      ? [['default', undefined]]
      : asked.value.kind === 'map'
        ? asked.entries()
        : asked.items().map((one) => [one.text(), one])
  const places = listed.flatMap(([key, at]): NetworkPlace[] => {
    const internal = known.get(key)
    if (internal === undefined) {
      at?.refuse(`names the network ${shown(key)}, which the file does not have`, 'add it below networks at the top')
      return []
    }
    const more = at?.value.kind === 'map' ? aliasesOf(at) : []
    // the network that every app has is open to the outside
    return [
      {
        name: key === 'default' && !internal ? '' : key,
        aliases: [...new Set([...own, ...more])],
        ...(internal ? { internal } : {}),
      },
    ]
  })
  return places.sort((a, b) => Number(a.internal ?? false) - Number(b.internal ?? false))
}

function aliasesOf(place: Field): string[] {
  for (const key of ['ipv4_address', 'ipv6_address', 'link_local_ips', 'mac_address'])
    place
      .get(key)
      ?.refuse('is not supported', 'addresses are of the server’s pool, and services find each other by name')
  return (place.get('aliases')?.items() ?? []).flatMap((one) => {
    const text = one.text()
    if (alias.test(text)) return [text]
    one.refuse(`is ${shown(text)}, which is no hostname`, 'use letters, digits, - and _')
    return []
  })
}
