import type { Plan } from '../buildpack.js'
import { toolsStage } from '../cpp/tools-stage.js'
import { nginxStage } from '../static/nginx-stage.js'
import type { AptPackages } from './aptfile.js'
import { phpStages } from '../php/php-stage.js'
import { pieces } from '../pieces.js'

/** Images whose packages are not Debian's. */
const foreign = /^(?:scratch$|.*(?:alpine|distroless))/

/**
 * A plan with more Debian packages in all its stages: what is compiled needs the headers, what runs the libraries. A stage
 * that fetches a runtime, and the one that serves a site, have no use for them.
 */
export function withPackages(plan: Plan, { names, notes }: AptPackages): Plan {
  if (names.length === 0 || plan.ownDockerfile) return plan
  const install = `RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends ${names.join(' ')} && rm -rf /var/lib/apt/lists/*`
  // stages that all apps have in common are known by their text
  const [before = '', ...after] = plan.dockerfile.split(nginxStage)
  const common = [...phpStages.map(({ text }) => text), toolsStage].find((stage) => before.includes(stage)) ?? ''
  const stages = new Set<string>()
  const lines = pieces(common === '' ? before : before.replace(common, () => `${common}\n${install}`)).flatMap(
    (piece) => {
      const from = /^FROM (\S+)(?: AS (\S+))?$/.exec(piece)
      if (from === null) return [piece]
      const [, image = '', stage = ''] = from
      const known = stages.has(image) || common.startsWith(`${piece}\n`)
      stages.add(stage)
      return known || foreign.test(image) || /(?:^|-)runtime$/.test(stage) ? [piece] : [piece, install]
    },
  )
  return { ...plan, dockerfile: [lines.join('\n'), ...after].join(nginxStage), notes: [...plan.notes, ...notes] }
}
