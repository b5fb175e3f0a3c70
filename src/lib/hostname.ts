import { isIP } from 'node:net'
import { domainToASCII, domainToUnicode } from 'node:url'

/** A hostname, or what is wrong with it, in words. */
export type ReadHostname = { readonly host: string } | { readonly problem: string; readonly hint: string }

const no = (problem: string, hint: string): ReadHostname => ({ problem, hint })

/** As DNS has it: letters, digits and dashes, 63 at most, no dash at an end (RFC 1123 §2.1). */
const label = /^(?!-)[a-z0-9-]{1,63}(?<!-)$/

/** What no hostname holds, and what `domainToASCII` would read as something else. */
// eslint-disable-next-line no-control-regex -- they are what is looked for
const foreign = /[\u0000-\u0020\u007f%/\\:@?#[\]<>^|"'`{}()$&+=,;!~*]/

/**
 * Reads a hostname as a person writes it: in any case and script, with a dot at its end perhaps, or `*.` before it. The answer is
 * what DNS and HTTP have: lower case, punycode.
 */
export function readHostname(text: string): ReadHostname {
  const given = text.trim()
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(given)) return no('is a URL', 'name the host of it alone, as shop.example.org')
  const isWildcard = given.startsWith('*.')
  const bare = (isWildcard ? given.slice(2) : given).replace(/\.$/, '')
  if (bare === '') return no('is empty', 'name a host, as shop.example.org')
  if (isIP(bare.replace(/^\[|\]$/g, '')) !== 0) return no('is an IP address', 'name a host, as shop.example.org')
  if (/:\d+$/.test(bare)) return no('has a port', 'name the host alone: Berth listens on its own ports')
  if (bare.includes('*'))
    return no('has a star within it', 'a wildcard is `*.` and a host, as *.example.org, and stands for one label')
  if (foreign.test(bare)) return no('has characters that no hostname has', 'name a host, as shop.example.org')
  return readLabels(domainToASCII(bare), isWildcard)
}

function readLabels(ascii: string, isWildcard: boolean): ReadHostname {
  if (ascii === '') return no('is no hostname', 'use letters, digits and dashes, with dots between')
  const host = isWildcard ? `*.${ascii}` : ascii
  const labels = ascii.split('.')
  if (host.length > 253) return no('is longer than 253 characters', 'DNS has no such name')
  const long = labels.find((one) => one.length > 63)
  if (long !== undefined) return no('has a label of more than 63 characters', 'DNS has no such name')
  // Node takes what is punycode already as it is
  const read = domainToUnicode(ascii)
  if (!labels.every((one) => label.test(one)) || domainToASCII(read) !== ascii || /(^|\.)xn--/.test(read))
    return no('is no hostname', 'use letters, digits and dashes, with dots between')
  // in another notation perhaps
  if (isIP(ascii) !== 0) return no('is an IP address', 'name a host, as shop.example.org')
  if (labels.length < 2)
    return isWildcard
      ? no('would be all of a top-level domain', 'name more of it, as *.example.org')
      : no('has one label only', 'name all of it, as shop.example.org')
  return { host }
}

/** A hostname as people read it: `xn--mller-kva.example` is `müller.example`. */
export const toUnicode = (host: string): string =>
  host.startsWith('*.') ? `*.${domainToUnicode(host.slice(2))}` : domainToUnicode(host)
