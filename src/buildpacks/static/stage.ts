import { defaultNodeMajor, nodeImage } from '../node/version.js'
import { staticServer } from './server.js'

/** A finished site, and how it is served. */
export interface Site {
  /** Its directory: in the build's context, or in the stage that makes it. */
  readonly place: string
  /** The stage that makes it, where it is not in the context. */
  readonly stage?: string
  /** What answers for a path without a file: the start page (`index`), where pages are routed in the browser, or nothing. */
  readonly fallback?: 'index' | 'none'
}

/** What starts the server of a stage that `siteStage` wrote. */
export const siteCommand = 'node /srv/server.mjs'

/** The lines of a Dockerfile's last stage, which serves a site. */
export function siteStage({ place, stage, fallback = 'none' }: Site): string[] {
  return [
    `FROM ${nodeImage(defaultNodeMajor)}`,
    `ENV NODE_ENV=production${fallback === 'none' ? '' : ` FALLBACK=${fallback}`}`,
    "COPY <<'SERVER' /srv/server.mjs",
    `${staticServer}SERVER`,
    `COPY ${stage === undefined ? '' : `--from=${stage} `}${place} /srv/site`,
    'WORKDIR /srv/site',
    'USER node',
    `CMD ${JSON.stringify(siteCommand.split(' '))}`,
  ]
}
