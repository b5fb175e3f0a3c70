import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** `npm run init`: compiles init.c for each machine into binaries.ts. Wants gcc, gcc-aarch64-linux-gnu and their headers. */
const here = import.meta.dirname
const source = join(here, 'init.c')
const flags =
  '-Os -static -nostdlib -ffreestanding -fno-stack-protector -fno-asynchronous-unwind-tables -fno-pic -no-pie -Wall -Wextra -Werror -Wl,-z,noseparate-code,-z,max-page-size=4096,--build-id=none -s'
const machines = {
  x86_64: ['gcc', '-fcf-protection=none'],
  aarch64: ['aarch64-linux-gnu-gcc'],
}

const directory = mkdtempSync(join(tmpdir(), 'berth-init-'))
try {
  const binaries = Object.entries(machines).map(([machine, [compiler = '', ...own]]) => {
    const file = join(directory, machine)
    execFileSync(compiler, [...flags.split(' '), ...own, source, '-o', file], { stdio: 'inherit' })
    const lines =
      readFileSync(file)
        .toString('base64')
        .match(/.{1,108}/g) ?? []
    return `  ${machine}: [\n${lines.map((line) => `    '${line}',\n`).join('')}  ],\n`
  })
  const hash = createHash('sha256').update(readFileSync(source)).digest('hex')
  const text = `/** Made of init.c by \`npm run init\`: do not edit. */

/** SHA-256 of the init.c it was made of. */
export const sourceHash = '${hash}'

/** The init for each machine, as \`uname -m\` calls them; static ELF programs in base64. */
export const binaries: Readonly<Record<string, readonly string[]>> = {
${binaries.join('')}}
`
  writeFileSync(join(here, 'binaries.ts'), text)
} finally {
  rmSync(directory, { recursive: true })
}
