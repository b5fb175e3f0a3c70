import { expect } from 'chai'
import { readAppJson } from '../../src/app-json/app-json.js'
import { messageOf } from '../../src/errors.js'
import type { Tree } from '../../src/buildpacks/tree.js'

const read = (cron: string) => {
  const text = `{\n  "cron": ${cron}\n}\n`
  return readAppJson({ read: (path: string) => (path === 'app.json' ? text : null) } as Tree)
}

const refusal = (cron: string): string => {
  try {
    read(cron)
  } catch (error) {
    return messageOf(error)
  }
  return 'none'
}

describe('cron of app.json', () => {
  it('names commands and when they run, as Dokku has it, with a time zone and a limit of their own', () => {
    const said = read(`[
      { "command": " node task.js ", "schedule": "@daily" },
      { "command": "a; b", "schedule": "*/5 * * * *", "concurrency_policy": "replace", "maintenance": true,
        "timezone": "Europe/Berlin", "timeout": "5m", "comand": "x" }
    ]`)
    expect(said?.cron).to.deep.equal([
      { command: 'node task.js', schedule: '@daily' },
      {
        ...{ command: 'a; b', schedule: '*/5 * * * *', concurrency: 'replace', maintenance: true },
        ...{ timezone: 'Europe/Berlin', timeout: 300_000 },
      },
    ])
    expect(said?.notes).to.deep.equal(['app.json:5: cron.1.comand is not known: cron.1.command is meant?'])
  })

  it('with a value that cannot be is refused with its place', () => {
    for (const [cron, said] of [
      ['{ "command": "x" }', 'app.json:2:3: cron: expected array, received object'],
      ['["x"]', 'app.json:2:3: cron.0: expected object, received string'],
      ['[{ "schedule": "@daily" }]', 'app.json:2:3: cron.0.command: expected string, received undefined'],
      ['[{ "command": "x" }]', 'app.json:2:3: cron.0.schedule: expected string, received undefined'],
      ['[{ "command": "x", "schedule": "@often" }]', 'app.json:2:30: cron.0.schedule: "@often" is no schedule'],
      ['[{ "command": "x", "schedule": "0 0 31 2 *" }]', 'app.json:2:30: cron.0.schedule: "0 0 31 2 *" is no schedule'],
      [
        '[{ "command": "x\\ny", "schedule": "@daily" }]',
        'app.json:2:14: cron.0.command: the command holds a line break',
      ],
      [
        '[{ "command": "x", "schedule": "@daily", "timezone": "Mars" }]',
        'cron.0.schedule: there is no time zone "Mars"',
      ],
      ['[{ "command": "x", "schedule": "@daily", "timeout": "soon" }]', 'cron.0.timeout: write it as'],
      ['[{ "command": "x", "schedule": "@daily", "maintenance": "no" }]', 'cron.0.maintenance: expected boolean'],
      ['[{ "command": "x", "schedule": "@daily", "concurrency_policy": "often" }]', 'cron.0.concurrency_policy: '],
      [
        '[{ "command": "x", "schedule": "0 0  * * *" }, { "command": "x ", "schedule": "0 0 * * *" }]',
        'cron.1: it is the same as cron.0',
      ],
      [`[${'{},'.repeat(100)}{}]`, 'app.json:2:3: cron: an app has 100 entries at most'],
      [`[${'{},'.repeat(300_000)}{}]`, 'app.json:2:3: cron: an app has 100 entries at most'],
    ] as const)
      expect(refusal(cron), cron.slice(0, 200)).to.include(said)
  })
})
