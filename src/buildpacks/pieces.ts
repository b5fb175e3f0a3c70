/**
 * The lines of a Dockerfile that a plan wrote, each with its heredocs and the lines that it goes on in: what has a piece to
 * itself is an instruction. They are joined by line ends.
 */
export function pieces(dockerfile: string): string[] {
  const found: string[] = []
  const due: string[] = []
  let goesOn = false
  for (const line of dockerfile.split('\n')) {
    if (goesOn || due.length > 0) found.push(`${found.pop() ?? ''}\n${line}`)
    else found.push(line)
    if (due.length > 0) {
      if (line === due[0]) due.shift()
      continue
    }
    goesOn = /\\$/.test(line)
    if (/^(?:COPY|RUN|ADD) /.test(line)) due.push(...[...line.matchAll(/<<'([A-Z]+)'/g)].map(([, name = '']) => name))
  }
  return found
}
