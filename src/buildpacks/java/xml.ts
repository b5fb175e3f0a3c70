import { position, SourceError } from '../source-error.js'

/** An element of an XML file; its namespace and attributes are of no use here. */
export interface Element {
  readonly name: string
  readonly children: readonly Element[]
  /** Its own text, trimmed. */
  readonly text: string
  /** Where it begins in the file. */
  readonly offset: number
}

/** More than a file that people write has, and little enough to go through. */
const deepest = 64
const token = /<!--[\s\S]*?-->|<!\[CDATA\[([\s\S]*?)\]\]>|<[?!][^>]*>|<(\/?)([\w:.-]+)([^<>]*?)(\/?)>|[^<]+|</g
const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

interface Open {
  readonly name: string
  readonly children: Element[]
  text: string
  readonly offset: number
}

/** Reads an XML file as Maven writes it. @throws SourceError where its elements do not match */
export function parseXml(text: string, file: string): Element {
  const stack: Open[] = [{ name: '', children: [], text: '', offset: 0 }]
  const bad = (offset: number, message: string): SourceError =>
    new SourceError({ file, ...position(text, offset) }, message, `it is to be well-formed XML`)
  const close = (): void => {
    const { name, children, text: own, offset } = stack.pop() as Open
    const plain = own.trim().replaceAll(/&(\w+);/g, (whole, entity: string) => entities[entity] ?? whole)
    stack.at(-1)?.children.push({ name, children, text: plain, offset })
  }
  for (const match of text.matchAll(token)) {
    const [whole, cdata, slash, qualified = '', , empty] = match
    const name = qualified.replace(/^.*:/, '')
    const top = stack.at(-1) as Open
    if (qualified === '') {
      if (whole === '<') throw bad(match.index, 'a "<" that begins nothing')
      if (cdata !== undefined || !whole.startsWith('<')) top.text += cdata ?? whole
    } else if (slash === '/') {
      if (stack.length === 1 || top.name !== name)
        throw bad(match.index, `</${name}> where ${stack.length === 1 ? 'nothing' : `<${top.name}>`} is open`)
      close()
    } else {
      if (stack.length > deepest) throw bad(match.index, 'elements too deep in one another')
      stack.push({ name, children: [], text: '', offset: match.index })
      if (empty === '/') close()
    }
  }
  const [root = { name: '', children: [], text: '', offset: 0 }, open] = stack
  if (open !== undefined) throw bad(open.offset, `<${open.name}> is never closed`)
  const [first] = root.children
  if (first === undefined) throw bad(0, 'there is nothing in it')
  return first
}

/** Elements below one, by their names from the outside in. */
export function elements(element: Element, ...[name, ...names]: readonly string[]): readonly Element[] {
  if (name === undefined) return [element]
  return element.children.filter((child) => child.name === name).flatMap((child) => elements(child, ...names))
}

/** Text of the first such element. */
export const textOf = (element: Element, ...names: readonly string[]): string | undefined =>
  elements(element, ...names)[0]?.text
