/**
 * What a registry says, as it may be shown to people: it may be hostile, and a terminal obeys control characters, those of
 * the upper half too.
 */
export const sanitize = (text: string, most = 1000): string =>
  text.slice(0, most).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')

/** The same as a quotation. */
export const quoted = (text: string): string => JSON.stringify(sanitize(text, 100))
