/** Why a build failed, and what to do about it, by what its last lines say. */
const reasons: readonly (readonly [RegExp, (found: RegExpExecArray) => string])[] = [
  [
    /^error: The lockfile is out of date/,
    () =>
      'deno.lock does not match what is imported: run `deno install --entrypoint` with the module that starts, commit deno.lock and push again',
  ],
  [
    /^error: (?:JSR package manifest for|JSR package not found:) '?(@[\w./-]+)/,
    ([, name = '']) =>
      `${name} cannot be had from JSR: if builds cannot reach it, set "vendor": true in deno.json, run \`deno install --entrypoint\`, and commit vendor/`,
  ],
  [
    /^error: Import '(https?:\/\/[^']+)' failed/,
    ([, url = '']) =>
      `${url} cannot be had: if builds cannot reach that host, set "vendor": true in deno.json, run \`deno install --entrypoint\`, and commit vendor/`,
  ],
  [
    /^npm (?:error|ERR!) notarget No matching version found for (deno@\S+?)\.?$/,
    ([, spec = '']) => `npm has no ${spec}: see .deno-version`,
  ],
  [/^error: (.+)$/, ([, words = '']) => `deno: ${words}`],
]

/** Why a build of a Deno app failed; null where its last lines do not tell. */
export function denoReason(lines: readonly string[]): string | null {
  for (const [pattern, words] of reasons)
    for (const line of lines) {
      // eslint-disable-next-line no-control-regex -- Deno colours its words
      const found = pattern.exec(line.replaceAll(/\u001B\[[\d;]*m/g, '').trim())
      if (found) return words(found)
    }
  return null
}
