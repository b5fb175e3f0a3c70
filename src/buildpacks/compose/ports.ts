import { shown, type Field } from './field.js'

/** Ports of a service, in TCP and within its container. */
export interface ServicePorts {
  /** Those that it publishes. */
  readonly published: readonly number[]
  readonly exposed: readonly number[]
}

const port = /^(\d{1,5})(?:-\d{1,5})?$/

function portOf(field: Field, text: string): number[] {
  const found = Number(port.exec(text.trim())?.[1])
  if (found > 0 && found < 65_536) return [found]
  field.refuse(`has ${shown(text)} for a port`, 'write "8080:80", host and container, or the container’s alone')
  return []
}

/** `[[address:]host:]container[/protocol]`: what is in TCP. */
function shortForm(field: Field): number[] {
  const [address = '', protocol = 'tcp'] = field.text().split('/')
  return protocol.toLowerCase() === 'tcp' ? portOf(field, address.slice(address.lastIndexOf(':') + 1)) : silent(field)
}

function longForm(field: Field): number[] {
  const protocol = field.get('protocol')?.text() ?? 'tcp'
  return protocol.toLowerCase() === 'tcp' ? portOf(field, field.get('target')?.text() ?? '') : silent(field)
}

function silent(field: Field): number[] {
  field.note('is not published: the router serves HTTP')
  return []
}

export function portsOf(service: Field): ServicePorts {
  const published = (service.get('ports')?.items() ?? []).flatMap((one) =>
    one.value.kind === 'map' ? longForm(one) : shortForm(one),
  )
  const exposed = (service.get('expose')?.items() ?? []).flatMap((one) => shortForm(one))
  return { published, exposed }
}
