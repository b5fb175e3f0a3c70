/** What may come next; the words are Go's for what does not. */
type Expected =
  | 'looking for beginning of value'
  | 'looking for beginning of object key string'
  | 'after object key'
  | 'after object key:value pair'
  | 'after array element'

const token =
  /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y // eslint-disable-line no-control-regex
const beginning = /["\d\-tfn]/

/**
 * Says of a text that JSON.parse does not take what Go's encoding/json says of it: clients of Docker's match on that. What
 * is wrong within a string, a number or a word is told by the whole of it.
 */
export function jsonFault(text: string): string {
  const open: ('{' | '[')[] = []
  let wanted: Expected = 'looking for beginning of value'
  let mayClose = false
  for (let at = 0; ;) {
    while (/[ \t\r\n]/.test(text[at] ?? '')) at++
    const next = text[at]
    if (next === undefined) return 'unexpected EOF'
    const within = open.at(-1)
    const closes = (next === '}' && within === '{') || (next === ']' && within === '[')
    if (closes && mayClose) {
      open.pop()
      at++
    } else if (wanted === 'after object key' && next === ':') {
      wanted = 'looking for beginning of value'
      mayClose = false
      at++
      continue
    } else if (wanted.endsWith('pair') || wanted.endsWith('element')) {
      if (next !== ',') return unexpected(next, wanted)
      wanted = within === '{' ? 'looking for beginning of object key string' : 'looking for beginning of value'
      mayClose = false
      at++
      continue
    } else if (wanted === 'looking for beginning of value' && (next === '{' || next === '[')) {
      open.push(next)
      wanted = next === '{' ? 'looking for beginning of object key string' : wanted
      mayClose = true
      at++
      continue
    } else {
      const fits = wanted.endsWith('key string') ? next === '"' : wanted.endsWith('value') && beginning.test(next)
      if (!fits) return unexpected(next, wanted)
      token.lastIndex = at
      const [whole] = token.exec(text) ?? []
      if (whole === undefined || (/\d$/.test(whole) && /[.eE]/.test(text[at + whole.length] ?? '')))
        return broken(text.slice(at))
      at += whole.length
      if (wanted.endsWith('key string')) {
        wanted = 'after object key'
        mayClose = false
        continue
      }
    }
    // a value is over
    const around = open.at(-1)
    if (around === undefined) return 'unexpected content after JSON'
    wanted = around === '{' ? 'after object key:value pair' : 'after array element'
    mayClose = true
  }
}

const unexpected = (character: string, wanted: Expected): string => `invalid character '${character}' ${wanted}`

/** A string, number or word that begins well; it may only have been cut off. */
function broken(rest: string): string {
  const [word = ''] = /^"[^"]*$|^[a-zA-Z\d.+-]+$/.exec(rest) ?? []
  return word === rest ? 'unexpected EOF' : `invalid value: ${rest.slice(0, 30)}`
}
