/** So many bytes crun reads at once of a terminal that nobody has read to its end. */
const most = 255
const lineFeed = 0x0a

/**
 * What a program wrote to its terminal and crun missed. A program that ends before crun listens to its terminal has its output
 * taken for crun's own words (1.8.1, `flush_fd_to_err`): they are in its log, a line feed after each piece.
 * @param log crun's, in the format json @returns nothing when what is there is crun's indeed
 */
export function misroutedIn(log: Buffer): Buffer {
  if (isOwn(log.subarray(0, log.indexOf(lineFeed)).toString())) return Buffer.alloc(0)
  const pieces: Buffer[] = []
  for (let at = 0; at < log.length; at += most + 1) pieces.push(log.subarray(at, Math.min(at + most, log.length - 1)))
  return Buffer.concat(pieces)
}

function isOwn(line: string): boolean {
  try {
    const { msg, level, time } = JSON.parse(line) as Record<string, unknown>
    return [msg, level, time].every((field) => typeof field === 'string')
  } catch {
    return false
  }
}
