import {
  askHttp,
  BerthError,
  jsonOf,
  longestZone,
  z,
  type DnsPlugin,
  type HttpRequest,
  type TxtRecord,
} from 'berth/plugin'

const Envelope = z.object({
  success: z.boolean(),
  errors: z.array(z.object({ code: z.number(), message: z.string() })).nullish(),
  result: z.unknown(),
  result_info: z.object({ page: z.number(), total_pages: z.number() }).nullish(),
})

const Zone = z.array(z.object({ id: z.string(), name: z.string() }))
const Record = z.array(z.object({ id: z.string(), type: z.string(), name: z.string(), content: z.string() }))

/** Codes of a record that is there already. */
const thereAlready = [81057, 81058]

/** Code of one that is not there. */
const notThere = 81044

/** Seconds: the least that it takes. */
const ttl = 60

/** Content is shown and taken in quotes, or as it was given before they were wanted. */
const unquoted = (content: string): string => content.replace(/^"(.*)"$/, '$1')

/** Records by the API of Cloudflare, version 4. */
export class Cloudflare implements DnsPlugin {
  readonly #api: string
  readonly #token: string
  constructor({ api, token }: { readonly api: string; readonly token: string }) {
    this.#api = api.replace(/\/$/, '')
    this.#token = token
  }

  async zoneOf(name: string, signal: AbortSignal): Promise<string | null> {
    return (await this.#zone(name, signal))?.name ?? null
  }

  async add({ zone, name, text }: TxtRecord, signal: AbortSignal): Promise<void> {
    const body = JSON.stringify({ type: 'TXT', name, content: `"${text}"`, ttl })
    await this.#ask('POST', `/zones/${await this.#idOf(zone, signal)}/dns_records`, { signal, body, but: thereAlready })
  }

  async remove({ zone, name, text }: TxtRecord, signal: AbortSignal): Promise<void> {
    const records = `/zones/${await this.#idOf(zone, signal)}/dns_records`
    const found = await this.#find(records, { name, text }, signal)
    for (const id of found)
      await this.#ask('DELETE', `${records}/${encodeURIComponent(id)}`, { signal, but: [notThere] })
  }

  /** Ids of the records of a name that say a text. */
  async #find(
    records: string,
    { name, text }: Pick<TxtRecord, 'name' | 'text'>,
    signal: AbortSignal,
  ): Promise<string[]> {
    const found: string[] = []
    let looks = 1
    // while others are removed, one may move to a page that was read: several are read again where nothing was found
    for (let look = 0; found.length === 0 && look < looks; look += 1)
      for (let page = 1, total = 1; page <= total; page += 1) {
        const query = new URLSearchParams({ type: 'TXT', 'name.exact': name, page: String(page), per_page: '100' })
        const { result, result_info: info } = await this.#ask('GET', `${records}?${query.toString()}`, { signal })
        for (const one of Record.parse(result))
          if (one.type === 'TXT' && one.name === name && unquoted(one.content) === text) found.push(one.id)
        total = Math.min(info?.total_pages ?? 1, 1000)
        if (total > 1) looks = 5
      }
    return found
  }

  async #idOf(zone: string, signal: AbortSignal): Promise<string> {
    const found = await this.#zone(zone, signal)
    if (found?.name !== zone) throw new BerthError('unavailable', `Cloudflare has no zone ${zone}`)
    return encodeURIComponent(found.id)
  }

  /** The longest that a name is in: asked for by name, for an account may have thousands. */
  async #zone(name: string, signal: AbortSignal): Promise<{ readonly id: string; readonly name: string } | null> {
    const labels = name.split('.')
    for (let at = 0; at < labels.length - 1; at += 1) {
      const query = new URLSearchParams({ name: labels.slice(at).join('.'), per_page: '50' })
      const { result } = await this.#ask('GET', `/zones?${query.toString()}`, { signal })
      const zones = Zone.parse(result)
      const best = longestZone(
        name,
        zones.map((zone) => zone.name),
      )
      if (best !== null) return zones.find((zone) => zone.name === best) ?? null
    }
    return null
  }

  /** @throws BerthError `unavailable` unless it is done, or fails with one of the codes `but` */
  async #ask(
    method: HttpRequest['method'],
    path: string,
    {
      signal,
      body,
      but = [],
    }: { readonly signal: AbortSignal; readonly body?: string; readonly but?: readonly number[] },
  ): Promise<z.output<typeof Envelope>> {
    const headers = { authorization: `Bearer ${this.#token}`, 'content-type': 'application/json' }
    const request = { method, url: `${this.#api}${path}`, headers, ...(body !== undefined && { body }) }
    const { status, text } = await askHttp(() => request, { what: 'Cloudflare', signal })
    const read = Envelope.safeParse(jsonOf(text))
    if (!read.success) throw new BerthError('unavailable', `Cloudflare answers ${status} with what is no answer`)
    const { success, errors } = read.data
    const [error] = errors ?? []
    if ((success && status < 300) || (error && but.includes(error.code))) return read.data
    const why = error === undefined ? '' : `: ${error.message.slice(0, 200)} (${error.code})`
    throw new BerthError('unavailable', `Cloudflare answers ${status}${why}`, hintOf(status))
  }
}

const hintOf = (status: number): string | undefined =>
  status === 401 || status === 403
    ? 'has the token the permissions Zone:Read and DNS:Edit? `berth plugins:set dns-cloudflare token=…`'
    : undefined
