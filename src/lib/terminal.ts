/**
 * A control sequence as terminals read them (ECMA-48 §5.3 to 5.6): CSI with parameters, a string (OSC, DCS, SOS, PM, APC)
 * up to its end or that of the line, or an escape of two or three characters. Each part is of a class of its own, so that
 * no text takes long.
 */
// eslint-disable-next-line no-control-regex -- control characters are what it is about
const sequence = /\u001b(?:\[[0-?]*[ -/]*[@-~]?|[\]PX^_][^\u0007\u001b\n]*(?:\u0007|\u001b\\)?|[ -/]*[0-~]?)/g

// eslint-disable-next-line no-control-regex -- as above
const colour = /^\u001b\[[0-9;:]{0,64}m$/

const reset = '\u001b[0m'

/**
 * Text of a stranger that may be shown on a terminal: of control characters and sequences, only newlines, tabs and colours
 * (SGR) are left. What else a terminal does on a stranger's word ranges from moving over lines that were written before to
 * filling the clipboard. A line that sets a colour ends with the reset of it.
 */
export function harmless(text: string): string {
  const kept = text
    .replace(sequence, (all) => (colour.test(all) ? all : ''))
    .replace(/\p{Cc}/gu, (code) => (code === '\n' || code === '\t' || code === '\u001b' ? code : ''))
  if (!kept.includes('\u001b')) return kept
  // eslint-disable-next-line no-control-regex -- as above
  return kept.replace(/^.*\u001b\[.*$/gm, (line) => (line.endsWith(reset) ? line : line + reset))
}
