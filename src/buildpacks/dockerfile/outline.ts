/** One stage of a Dockerfile. */
export interface StageOutline {
  readonly name: string | null
  /** What it begins with: an image, or an earlier stage. */
  readonly from: string
  /** From 1. */
  readonly line: number
  /** Words of its EXPOSE lines, in order. */
  readonly exposes: readonly string[]
  /** The last of its CMD and ENTRYPOINT lines, as they are written. */
  readonly runs: string
}

/** What of a Dockerfile Berth has to know. What is wrong in the file is for the builder to say. */
export interface Outline {
  /** Names of its ARGs. */
  readonly args: readonly string[]
  /** Ids of the secrets that its RUNs mount. */
  readonly secrets: readonly string[]
  readonly stages: readonly StageOutline[]
}

/** Reads a Dockerfile as far as `Outline` goes. */
export function outlineOf(text: string): Outline {
  const args = new Set<string>()
  const secrets = new Set<string>()
  const stages: (StageOutline & { exposes: string[]; runs: string })[] = []
  for (const { line, keyword, rest } of instructionsOf(text)) {
    const words = rest.split(/\s+/)
    if (keyword === 'ARG') {
      for (const word of words) {
        const name = /^([A-Za-z_]\w*)(?:=|$)/.exec(word)?.[1]
        if (name !== undefined) args.add(name)
      }
    } else if (keyword === 'RUN') {
      for (const id of secretsOf(words)) secrets.add(id)
    } else if (keyword === 'EXPOSE') stages.at(-1)?.exposes.push(...words)
    else if (keyword === 'CMD' || keyword === 'ENTRYPOINT') {
      const stage = stages.at(-1)
      if (stage !== undefined) stage.runs = rest
    } else if (keyword === 'FROM') {
      const [from = '', as = '', name] = words.filter((word) => !word.startsWith('--'))
      stages.push({ name: as.toLowerCase() === 'as' ? (name ?? null) : null, from, line, exposes: [], runs: '' })
    }
  }
  return { args: [...args], secrets: [...secrets], stages }
}

function* secretsOf(words: readonly string[]): Generator<string> {
  for (const word of words) {
    if (!word.startsWith('--')) return
    const fields = new Map(
      word
        .slice('--mount='.length)
        .split(',')
        .map((field) => field.split('=', 2) as [string, string]),
    )
    const id = fields.get('id') ?? fields.get('target')?.split('/').at(-1)
    if (word.startsWith('--mount=') && fields.get('type') === 'secret' && id !== undefined) yield id
  }
}

/**
 * The images that a Dockerfile takes from elsewhere, as far as its ARGs tell their names.
 * @param args values of its ARGs
 */
export function imagesIn(text: string, args: Readonly<Record<string, string>>): string[] {
  const values = new Map(Object.entries(args))
  const stages = new Set<string>()
  const images = new Set<string>()
  const add = (name: string): void => {
    const known = expanded(name, values)
    if (known !== '' && !stages.has(known.toLowerCase()) && !/^\d+$/.test(known)) images.add(known)
  }
  for (const { keyword, rest } of instructionsOf(text)) {
    const words = rest.split(/\s+/)
    if (keyword === 'ARG' && stages.size === 0) {
      for (const [, name = '', value = ''] of words.map((word) => /^(\w+)=["']?([^"']*)/.exec(word) ?? []))
        if (name !== '' && !values.has(name)) values.set(name, expanded(value, values))
    } else if (keyword === 'FROM') {
      const [from = '', , name] = words.filter((word) => !word.startsWith('--'))
      add(from)
      // one without a name has a place among them
      stages.add(name?.toLowerCase() ?? ` ${stages.size}`)
    } else
      for (const word of words) {
        if (!word.startsWith('--')) break
        add(/^--(?:from=|mount=(?:\S*,)?from=)([^,\s]+)/.exec(word)?.[1] ?? '')
      }
  }
  return [...images]
}

/** Stands for the value of a variable that is not known; no Dockerfile has one in it. */
const unknown = '\0'

/** A word with the values of variables in it; '' where one is not known. */
function expanded(word: string, values: ReadonlyMap<string, string>): string {
  const variable = /\$(?:\{(\w+)(?::?-([^}]*))?\}|(\w+))/g
  const text = word.replace(
    variable,
    (_, braced?: string, or?: string, plain?: string) => values.get(braced ?? plain ?? '') ?? or ?? unknown,
  )
  return text.includes(unknown) ? '' : text.replace(/^["']|["']$/g, '')
}

/** Whether a Dockerfile has the stage: by its name, whatever the case, or by its number. */
export const hasStage = ({ stages }: Outline, target: string): boolean =>
  stages.some(({ name }, index) => name?.toLowerCase() === target.toLowerCase() || String(index) === target)

/** So many stages may stand on each other. */
const deepest = 100

/** The first port that the stage exposes in TCP, or else the stage that it begins with; null where they say none in figures. */
export function exposedPort({ stages }: Outline, target = ''): number | null {
  const find = (name: string, before: number): number =>
    stages.findLastIndex(
      (stage, index) => index < before && (stage.name?.toLowerCase() === name.toLowerCase() || String(index) === name),
    )
  let index = target === '' ? stages.length - 1 : find(target, stages.length)
  for (let left = deepest; left > 0; left -= 1) {
    const stage = stages[index]
    if (stage === undefined) return null
    for (const word of stage.exposes) {
      const port = Number(/^(\d{1,5})(?:-\d{1,5})?(?:\/tcp)?$/i.exec(word)?.[1])
      if (port > 0 && port < 65_536) return port
    }
    index = find(stage.from, index)
  }
  return null
}

/** The port that a stage's command has as an option, which PORT is not; null where it names none in figures. */
export function commandPort({ stages }: Outline, target = ''): number | null {
  const stage = target === '' ? stages.at(-1) : stages.find(({ name }) => name?.toLowerCase() === target.toLowerCase())
  const words = (stage?.runs ?? '').slice(0, 4_000)
  if (/\$\{?PORT\b/.test(words)) return null
  const option =
    /(?:--port|-p|--bind|-b|--listen|--http)["',\s=]{1,4}(?:(?:0\.0\.0\.0|\[::\])?:)?(\d{2,5})\b(?!\.)/.exec(words)
  const port = Number(option?.[1])
  return port > 0 && port < 65_536 ? port : null
}

/** One instruction of a Dockerfile as text. */
export interface InstructionText {
  /** From 1. */
  readonly line: number
  /** In capitals. */
  readonly keyword: string
  readonly rest: string
}

const hereDocument = /(?<!<)<<(-?)(["']?)([A-Za-z_]\w*)\2/g

/** The instructions of a Dockerfile: lines put together, comments and here-documents left out. */
export function* instructionsOf(text: string): Generator<InstructionText> {
  const lines = text.split(/\r?\n/)
  const escape = escapeOf(lines)
  for (let at = 0; at < lines.length; at += 1) {
    const line = at + 1
    let last = (lines[at] ?? '').trim()
    if (last === '' || last.startsWith('#')) continue
    const parts: string[] = []
    while (last.endsWith(escape) && at + 1 < lines.length) {
      parts.push(last.slice(0, -1))
      // a comment, or an empty line, ends no instruction that goes on
      do last = (lines[++at] ?? '').trim()
      while ((last === '' || last.startsWith('#')) && at + 1 < lines.length)
    }
    const whole = [...parts, last].join(' ')
    const [, keyword = '', rest = ''] = /^(\S+)\s*([^]*)$/.exec(whole) ?? []
    if (/^(?:RUN|COPY|ADD)$/i.test(keyword))
      for (const [, dash, , name = ''] of rest.matchAll(hereDocument)) {
        const ends = (candidate = name): boolean => (dash ? candidate.replace(/^\t+/, '') : candidate) === name
        do at += 1
        while (!ends(lines[at]))
      }
    yield { line, keyword: keyword.toUpperCase(), rest }
  }
}

/** The character before a line's end that has it go on; `# escape=` says another. */
function escapeOf(lines: readonly string[]): string {
  for (const line of lines) {
    const [, name = '', value = ''] = /^#\s*([A-Za-z]+)\s*=\s*(\S+)\s*$/.exec(line.trim()) ?? []
    if (name === '') break
    if (name.toLowerCase() === 'escape') return value === '`' ? '`' : '\\'
  }
  return '\\'
}
