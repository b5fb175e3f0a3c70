import { execFileSync } from 'node:child_process'

/** Makes `levels` directories, one in the other, below an existing one, and a file in the last. */
export function makeDeep(directory: string, levels: number, name = 'd'): void {
  const script =
    'chdir shift; my ($n, $d) = @ARGV; for (1..$n) { mkdir $d or die $!; chdir $d or die $! } open F, ">f"; print F "deep"'
  execFileSync('perl', ['-e', script, directory, String(levels), name])
}

/** What find(1) shows below a directory: a line for each thing, with its path, kind, mode, owner and links. */
export const listing = (directory: string): string =>
  execFileSync('find', ['.', '-printf', '%p %y %m %U:%G %l\\n'], { cwd: directory, maxBuffer: 2 ** 30 })
    .toString('latin1')
    .split('\n')
    .sort()
    .join('\n')
