import { isOneCommand } from '../lib/shell-line.js'

/** Where an image has the app, which is its user's home as well. */
export const home = '/app'

/** For a shell: the user that runs the app, with the numbers that all images have, and its home. */
export const addUser = `groupadd --gid 1000 app && useradd --uid 1000 --gid app --home-dir ${home} --shell /bin/bash app && mkdir ${home} && chown app:app ${home}`

/** `${PORT}`, `${WEB_CONCURRENCY:-2}`: braces that are no list of commands. */
const expansion = /\$\{\w+(?::?[-+=?][^{}()`$;&|\n]*)?\}/g

/**
 * The words of an image's CMD. The program takes the place of the shell where it can: Docker tells the first process alone
 * to stop, and a shell that is the first passes nothing on.
 */
export const imageCommand = (command: string): string[] => {
  const line = command.trim()
  return ['/bin/sh', '-c', isOneCommand(line.replaceAll(expansion, '_')) ? `exec ${line}` : command]
}

/** What an image runs by itself; null is nothing. */
export const commandLines = (command: string | null | undefined): string[] =>
  command === null || command === undefined ? [] : [`CMD ${JSON.stringify(imageCommand(command))}`]

/** The line, with its here-document, that writes a file: a program where it lies in a `bin`. */
export const fileLine = (path: string, text: string): string =>
  `COPY --chmod=${path.includes('/bin/') ? '755' : '644'} <<'FILE' ${path}\n${text}FILE`

/** What the image of compiled programs begins with. */
export const programBase = 'debian:bookworm-slim'

/**
 * The image of compiled programs: what a stage `build` has left in /out, on Debian with certificates and time zones.
 * @param more `RUN` lines, and what its `ENV` line has besides
 */
export const programImage = (
  command: string | null,
  more: { readonly run?: readonly string[]; readonly env?: string },
): string[] => [
  `FROM ${programBase}`,
  `RUN ${addUser}`,
  ...(more.run ?? []),
  'COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt',
  'COPY --from=build /usr/share/zoneinfo /usr/share/zoneinfo',
  `ENV PATH=${home}/bin:$PATH HOME=${home}${more.env ?? ''}`,
  `WORKDIR ${home}`,
  `COPY --from=build --chown=app:app /out ${home}`,
  'USER app',
  ...commandLines(command),
  '',
]
