import type { Command } from 'commander'

/** Adds a command with its place in the help and an example, which every command has. */
export function addCommand(
  program: Command,
  spec: { name: string; summary: string; group: string; examples: readonly string[] },
): Command {
  const lines = spec.examples.map((example) => `  $ berth ${example}`).join('\n')
  return program
    .command(spec.name)
    .description(spec.summary)
    .helpGroup(`${spec.group}:`)
    .addHelpText('after', `\nExample${spec.examples.length > 1 ? 's' : ''}:\n${lines}`)
}
