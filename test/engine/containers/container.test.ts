import { expect } from 'chai'
import { spawn } from 'node:child_process'
import { readlinkSync } from 'node:fs'
import { Container } from '../../../src/engine/containers/container.js'
import type { ContainerRecord } from '../../../src/engine/containers/record.js'
import { advance } from '../../../src/engine/containers/state.js'
import { programOf } from '../../../src/engine/system/process.js'

describe('a container', () => {
  it('has begun once its first process is another program than the one it was made by', async () => {
    const child = spawn('/bin/sh', ['-c', 'read go && exec sleep 100'])
    try {
      const { pid = 0 } = child
      const container = new Container({ id: 'a', state: { status: 'running', pid } } as ContainerRecord)
      await container.whenStarted() // of one that an earlier engine started there is nothing to wait for
      container.initPath = programOf(pid)
      expect(container.initPath).to.match(/^\d+:\d+$/)
      let begun = false
      const waited = container.whenStarted().then(() => (begun = true))
      await new Promise((resolve) => setTimeout(resolve, 20))
      expect(begun).to.equal(false)
      child.stdin.end('\n')
      await waited
      expect(container.initPath).to.equal(undefined)
      expect(readlinkSync(`/proc/${String(pid)}/exe`)).to.include('sleep')
    } finally {
      child.kill()
    }
  })

  it('takes no turn once it is being removed, but for that', async () => {
    const container = new Container({ id: 'a', state: { status: 'exited', pid: 0 } } as ContainerRecord)
    expect(await container.exclusively(() => Promise.resolve(1))).to.equal(1)
    const removed = container.exclusivelyRemove(() => {
      advance(container.record.state, 'removing')
      return Promise.resolve()
    })
    const late = container.exclusively(() => Promise.resolve(2)).catch(String)
    await removed
    expect(await late).to.include('container a is marked for removal')
    expect(await container.exclusivelyRemove(() => Promise.resolve(3))).to.equal(3)
  })
})
