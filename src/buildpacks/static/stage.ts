import { configurationOf } from './configuration.js'
import { modsecurityLines } from './modsecurity.js'
import { nginxStage } from './nginx-stage.js'
import { plainSettings, type SiteSettings } from './settings.js'

/** A finished site, and how it is served. */
export interface Site {
  /** Its directory: in the build's context, or in the stage that makes it. */
  readonly place: string
  /** The stage that makes it, where it is not in the context. */
  readonly stage?: string
  /** What answers for a path without a file: the start page (`index`), where pages are routed in the browser, or nothing. */
  readonly fallback?: 'index' | 'none'
  /** What the app's own files say of it (`siteSettings`). */
  readonly settings?: SiteSettings
}

/** What starts the server of a stage that `siteStage` wrote. */
export const siteCommand = 'serve-site'

/**
 * The lines of a Dockerfile's last stage, which serves a site. nginx ends in order by SIGQUIT: what is being answered is
 * answered to its end.
 */
export function siteStage({ place, stage, fallback = 'none', settings = plainSettings }: Site): string[] {
  return [
    nginxStage,
    ...(settings.modsecurity ? modsecurityLines : []),
    "COPY <<'SITE' /etc/nginx/site.conf",
    `${configurationOf(settings, fallback)}SITE`,
    ...(settings.users === null ? [] : [`COPY ${JSON.stringify([settings.users, '/etc/nginx/site.users'])}`]),
    ...(settings.protected ? ['ENV SITE_AUTH=required'] : []),
    ...(stage === undefined
      ? [`COPY ${place} /srv/site`, 'RUN ["install-site"]']
      : [`RUN --mount=type=bind,from=${stage},source=${place},target=/mnt/site ["install-site", "/mnt/site"]`]),
    'WORKDIR /srv/site',
    'USER www-data',
    'STOPSIGNAL SIGQUIT',
    `CMD ${JSON.stringify(siteCommand.split(' '))}`,
  ]
}
