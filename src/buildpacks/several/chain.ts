import { pieces } from '../pieces.js'
import { nginxStage } from '../static/nginx-stage.js'
import { home } from '../image-lines.js'

/** A Dockerfile among several that make one, and the name that its last stage gets. */
export interface Link {
  readonly name: string
  readonly dockerfile: string
}

/**
 * Several Dockerfiles as one: each takes the tree as the one before it has left it. The image is that of the last; what the
 * others have made lies in it among the app's files.
 * @param extra lines for the beginning of the last stage, as root
 */
export function chained(links: readonly Link[], extra: readonly string[]): string {
  const all = links.map((link, index) => {
    const last = index === links.length - 1
    return linked(link, links[index - 1]?.name ?? null, last ? extra : null)
  })
  return `${all.map((text) => text.trimEnd()).join('\n\n')}\n`
}

/** @param extra null for one that is not the last */
function linked({ name, dockerfile }: Link, previous: string | null, extra: readonly string[] | null): string {
  const [before = '', ...after] = dockerfile.split(nginxStage)
  const text = renamed(pieces(before), name)
  const lastFrom = after.length > 0 ? -1 : text.findLastIndex((piece) => piece.startsWith('FROM '))
  const own = text.flatMap((piece, index) => {
    if (extra === null && piece.startsWith('CMD ')) return []
    if (index === lastFrom) return extra === null ? [`${piece} AS ${name}`] : [piece, ...extra]
    return [previous === null ? piece : taken(piece, previous)]
  })
  const rest = after.map((part) => {
    const lines = renamed(pieces(part), name)
    return lines.map((piece) => (previous === null ? piece : taken(piece, previous))).join('\n')
  })
  return [own.join('\n'), ...rest].join(nginxStage)
}

/** Gives its stages names that no other link has. */
function renamed(lines: readonly string[], prefix: string): string[] {
  const stages = new Set(lines.flatMap((piece) => /^FROM \S+ AS (\S+)$/.exec(piece)?.[1] ?? []))
  const named = (stage: string): string => (stages.has(stage) ? `${prefix}-${stage}` : stage)
  return lines.map((piece) =>
    piece
      .replace(
        /^FROM (\S+)( AS )?(\S+)?$/,
        (_all, image: string, as = '', stage = '') => `FROM ${named(image)}${String(as)}${named(String(stage))}`,
      )
      .replaceAll(
        /^(COPY (?:--\S+ )*--from=|RUN .*?\bfrom=)([\w-]+)/gm,
        (_all, start: string, stage: string) => `${start}${named(stage)}`,
      ),
  )
}

/** What copies the tree copies what has become of it. */
const taken = (piece: string, previous: string): string =>
  piece.replace(/^COPY ((?:--chown=\S+ )?)(\S+) (\S+)$/, (all, flags: string, source: string, target: string) =>
    source === '.'
      ? `COPY --from=${previous} ${flags}${home} ${target}`
      : target === '/srv/site'
        ? `COPY --from=${previous} ${flags}${home}/${source} ${target}`
        : all,
  )
