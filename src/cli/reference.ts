import type { Argument, Command, Option } from 'commander'

const cell = (text: string): string => text.replaceAll('|', '\\|')

const term = (argument: Argument): string => {
  const name = argument.name() + (argument.variadic ? '...' : '')
  return argument.required ? `<${name}>` : `[${name}]`
}

const row = (what: string, description: string): string => `| \`${cell(what)}\` | ${cell(description)} |`

/** The lines under `Examples:` in a command's help. */
function examplesOf(command: Command): string[] {
  let help = ''
  command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp()
  return [...help.matchAll(/^ {2}\$ (.*)$/gm)].map(([, example = '']) => example)
}

function section(command: Command): string {
  const usage = ['berth', command.name(), ...command.registeredArguments.map(term)].join(' ')
  const alias = command.aliases().map((name) => ` Also \`${name}\`.`)
  const rows = [
    ...command.registeredArguments
      .filter(({ description }) => description !== '')
      .map((a) => row(term(a), a.description)),
    ...command.options.map((option: Option) => row(option.flags, option.description)),
  ]
  return [
    `### ${command.name()}`,
    '',
    `\`${usage}\`: ${command.description()}.${alias.join('')}`,
    ...(rows.length > 0 ? ['', '| | |', '|---|---|', ...rows] : []),
    ...['', ...examplesOf(command).map((example) => `    ${example}`)],
  ].join('\n')
}

/** The commands of the command line as a page of Markdown, by topic. */
export function reference(program: Command): string {
  const visible = program
    .createHelp()
    .visibleCommands(program)
    .filter((command) => command.name() !== 'help')
  const groups = new Map<string, Command[]>()
  for (const command of visible) {
    const group = command.helpGroup().replace(/:$/, '')
    groups.set(group, [...(groups.get(group) ?? []), command])
  }
  return [...groups]
    .map(([group, commands]) => [`## ${group}`, '', commands.map(section).join('\n\n')].join('\n'))
    .join('\n\n')
}
