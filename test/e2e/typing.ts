import { run, type Outcome, type RunOptions } from '../run.js'

/** Runs a line on a terminal of its own (pty(7)) and types once it has shown something. */
const program = `import os, pty, sys
line, wanted, keys = sys.argv[1:4]
pid, fd = pty.fork()
if pid == 0: os.execvp('sh', ['sh', '-c', line])
seen, typed = b'', False
while True:
    try: part = os.read(fd, 4096)
    except OSError: break
    if not part: break
    seen += part
    if not typed and wanted.encode() in seen:
        os.write(fd, keys.encode())
        typed = True
sys.stdout.write(seen.decode(errors='replace'))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))`

/** A line for the shell on a terminal; `keys` are typed as soon as `wanted` has been shown. `stdout` is what was shown. */
export const typeAt = (line: string, wanted: string, keys: string, options: RunOptions): Promise<Outcome> =>
  run('python3', ['-c', program, line, wanted, keys], options)
