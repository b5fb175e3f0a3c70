import {
  askHttp,
  BerthError,
  jsonOf,
  longestZone,
  nameBelow,
  z,
  type DnsPlugin,
  type HttpAnswer,
  type HttpRequest,
  type TxtRecord,
} from 'berth/plugin'
import { setTimeout as sleep } from 'node:timers/promises'

const Zones = z.object({
  zones: z.array(z.object({ id: z.number(), name: z.string() })),
  meta: z.object({ pagination: z.object({ next_page: z.number().nullable() }) }).optional(),
})

const RecordSet = z.object({ rrset: z.object({ records: z.array(z.object({ value: z.string() })) }) })

const Action = z.object({
  action: z.object({
    id: z.number(),
    status: z.enum(['running', 'success', 'error']),
    error: z.object({ code: z.string(), message: z.string() }).nullish(),
  }),
})

const Fault = z.object({ error: z.object({ code: z.string(), message: z.string() }) })

/** What an answer has that says why not; null: nothing. */
const faultOf = ({ text }: HttpAnswer): { readonly code: string; readonly message: string } | null =>
  Fault.safeParse(jsonOf(text)).data?.error ?? null

/** Another change of the zone is under way. */
const isBusy = (answer: HttpAnswer): boolean =>
  answer.status === 423 || ['conflict', 'locked'].includes(faultOf(answer)?.code ?? '')

/** ms between two looks at an action. */
const pace = 500

/** Records by the API of Hetzner Cloud, which has the zones since the API of the DNS Console ended. */
export class Hetzner implements DnsPlugin {
  readonly #api: string
  readonly #token: string
  constructor({ api, token }: { readonly api: string; readonly token: string }) {
    this.#api = api.replace(/\/$/, '')
    this.#token = token
  }

  async zoneOf(name: string, signal: AbortSignal): Promise<string | null> {
    const names: string[] = []
    for (let page: number | null = 1; page !== null && page < 1000;) {
      const answer = await this.#ask('GET', `/zones?page=${page}&per_page=50`, signal)
      const { zones, meta } = this.#read(Zones, answer)
      names.push(...zones.map((zone) => zone.name))
      page = meta?.pagination.next_page ?? null
    }
    return longestZone(name, names)
  }

  async add(record: TxtRecord, signal: AbortSignal): Promise<void> {
    const value = `"${record.text}"`
    const before = await this.#values(record, signal)
    if (before?.includes(value)) return
    // a set that is there has a time to live of its own, and takes no other
    const body = { records: [{ value, comment: 'made by Berth' }], ...(before === null && { ttl: 60 }) }
    await this.#end(await this.#ask('POST', `${pathOf(record)}/actions/add_records`, signal, body), signal)
  }

  async remove(record: TxtRecord, signal: AbortSignal): Promise<void> {
    const value = `"${record.text}"`
    const before = await this.#values(record, signal)
    if (!before?.includes(value)) return
    const body = { records: [{ value }] }
    await this.#end(await this.#ask('POST', `${pathOf(record)}/actions/remove_records`, signal, body), signal)
  }

  /** What a name says, in quotes; null: nothing. */
  async #values(record: TxtRecord, signal: AbortSignal): Promise<readonly string[] | null> {
    const answer = await this.#ask('GET', pathOf(record), signal)
    if (answer.status === 404 && faultOf(answer)?.code === 'not_found') return null
    return this.#read(RecordSet, answer).rrset.records.map(({ value }) => value)
  }

  /** Waits for the end of an action. */
  async #end(begun: HttpAnswer, signal: AbortSignal): Promise<void> {
    let { action } = this.#read(Action, begun)
    while (action.status === 'running') {
      await sleep(pace, undefined, { signal }).catch(() => undefined)
      signal.throwIfAborted()
      action = this.#read(Action, await this.#ask('GET', `/actions/${action.id}`, signal)).action
    }
    if (action.status === 'error')
      throw new BerthError('unavailable', `Hetzner says it failed: ${action.error?.message.slice(0, 200) ?? ''}`)
  }

  #ask(method: HttpRequest['method'], path: string, signal: AbortSignal, body?: object): Promise<HttpAnswer> {
    const headers = { authorization: `Bearer ${this.#token}`, 'content-type': 'application/json' }
    const request = {
      ...{ method, url: `${this.#api}${path}`, headers },
      ...(body && { body: JSON.stringify(body) }),
    }
    return askHttp(() => request, { what: 'Hetzner', signal, isBusy })
  }

  /** @throws BerthError `unavailable` of what is no success */
  #read<T extends z.ZodType>(schema: T, answer: HttpAnswer): z.output<T> {
    const { status, text } = answer
    const read = schema.safeParse(jsonOf(text))
    if (status < 300 && read.success) return read.data
    const fault = faultOf(answer)
    const why = fault === null ? '' : `: ${fault.message.slice(0, 200)} (${fault.code.slice(0, 40)})`
    const hint =
      status === 401 || status === 403
        ? 'may the token read and write? `berth plugins:set dns-hetzner token=…`'
        : undefined
    throw new BerthError('unavailable', `Hetzner answers ${status}${why}`, hint)
  }
}

const pathOf = ({ zone, name }: TxtRecord): string =>
  `/zones/${encodeURIComponent(zone)}/rrsets/${encodeURIComponent(nameBelow(name, zone))}/TXT`
