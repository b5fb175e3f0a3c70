/** Why a build failed, and what to do about it, by what its last lines say. */
const reasons: readonly (readonly [RegExp, (found: RegExpExecArray) => string])[] = [
  [
    /go\.mod requires go >= ([\d.]+) \(running go ([\d.]+)/,
    ([, wanted = '', has = '']) =>
      `go.mod requires Go ${wanted}, and the newest that could be had is ${has}: lower the \`go\` line of go.mod`,
  ],
  [/inconsistent vendoring/, () => 'vendor/ does not match go.mod: run `go mod vendor`, commit and push again'],
  [
    /missing go\.sum entry|updates to go\.(?:mod|sum) needed/,
    () => 'go.sum does not match go.mod: run `go mod tidy`, commit and push again',
  ],
  [
    /(?:verifying )?(\S+): checksum mismatch/,
    ([, module = '']) => `${module} is not what go.sum says it is: see why before you trust it`,
  ],
  [
    /no required module provides package ([^\s;]+)|cannot find module providing package ([^\s:;]+)/,
    ([, required, other = '']) =>
      `no module provides ${required ?? other}: run \`go get ${required ?? other}\`, commit and push again`,
  ],
  [
    /^go: (\S+@\S+): (?:reading|invalid version|unrecognized import path)/,
    ([, module = '']) =>
      `${module} cannot be had: see its name and version in go.mod, and GOPROXY or GOPRIVATE if it is private`,
  ],
  [
    /build constraints exclude all Go files in (\S+)/,
    ([, directory = '']) =>
      `no file of ${directory} is for this build: if it wants C, \`berth config:set CGO_ENABLED=1\`; else see its build constraints, and GOFLAGS=-tags=…`,
  ],
  [/^((?:\.\/)?[\w./-]+\.go:\d+:\d+: .+)$/, ([, line = '']) => `it does not compile: ${line}`],
]

/** Why a Go build failed; null where its last lines do not tell. */
export function goReason(lines: readonly string[]): string | null {
  for (const [pattern, words] of reasons)
    for (const line of lines) {
      const found = pattern.exec(line.trim())
      if (found) return words(found)
    }
  return null
}
