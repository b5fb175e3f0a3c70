/** A TXT record beside what else the name says. */
export interface TxtRecord {
  /** The zone that the name is in, as `zoneOf` has named it. */
  readonly zone: string
  /** Whole, lower case, without a last dot. */
  readonly name: string
  /** 255 characters at most. */
  readonly text: string
}

/** Kind `dns`: makes TXT records where the DNS of domains is kept, to prove to a CA that a wildcard is ours (RFC 8555 §8.4). */
export interface DnsPlugin {
  /** The longest zone of those that it has which the name is in; null where it has none. */
  zoneOf(name: string, signal: AbortSignal): Promise<string | null>
  /** Has a name say a text, beside all that it says already. Safe to repeat. */
  add(record: TxtRecord, signal: AbortSignal): Promise<void>
  /** Takes that text away and leaves every other as it is. One that is not there is gone already. */
  remove(record: TxtRecord, signal: AbortSignal): Promise<void>
  /** Name servers that are asked whether a record is out, `ADDRESS[:PORT]`. Unless there are some: those that DNS says have the zone. */
  readonly servers?: readonly string[]
}
