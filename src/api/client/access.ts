/** A Berth and the token it knows the caller by. */
export interface Access {
  /** `https://berth.<domain>[:port]`, or http. */
  readonly url: string
  readonly token: string
  /** Path of a PEM file of those who vouch for it. */
  readonly ca?: string | undefined
}
