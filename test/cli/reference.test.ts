import { Command } from 'commander'
import { expect } from 'chai'
import { addCommand } from '../../src/cli/command.js'
import { reference } from '../../src/cli/reference.js'

describe('the reference of commands', () => {
  const program = new Command('berth')
  addCommand(program, { name: 'a', summary: 'do a', group: 'One', examples: ['a x', 'a y | z'] })
    .alias('a:list')
    .argument('<what>', 'one of x|y')
    .argument('[more...]')
    .option('-n, --num <count>', 'how many')
  addCommand(program, { name: 'b', summary: 'do b', group: 'Two', examples: ['b'] })
  addCommand(program, { name: 'c', summary: 'do c', group: 'One', examples: ['c'] })
  const page = reference(program)

  it('has every command by its group, in the order of each', () =>
    expect(page.match(/^##+ .*$/gm)).to.deep.equal(['## One', '', '### a', '### c', '## Two', '### b'].filter(Boolean)))

  it('says how it is called, what it takes and what for, and gives each example', () => {
    expect(page).to.include('`berth a <what> [more...]`: do a. Also `a:list`.')
    expect(page).to.include('| `<what>` | one of x\\|y |\n| `-n, --num <count>` | how many |')
    expect(page, 'what is not described is not in the table').to.not.include('| `[more...]`')
    expect(page).to.include('\n    berth a x\n    berth a y | z')
    expect(page).to.match(/### b\n\n`berth b`: do b\.\n\n {4}berth b$/)
  })
})
