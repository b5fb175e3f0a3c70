import { expect } from 'chai'
import { driverNamed, runtimesOf, type Driver } from '../../../src/engine/runtime/driver.js'

const usual = { name: 'crun', path: '/usr/bin/crun', root: '/run/x' } as Driver

describe('runtimes', () => {
  it('have their names where they are installed, and stand for one another where they are not', () => {
    const only = (installed: string) => (name: string) => (name === installed ? `/usr/bin/${name}` : undefined)
    expect(Object.fromEntries(runtimesOf(usual, only('crun')))).to.deep.equal({
      crun: '/usr/bin/crun',
      runc: '/usr/bin/crun',
      'io.containerd.runc.v2': '/usr/bin/crun',
    })
    const both = (name: string) => (name.includes('.') ? undefined : `/usr/sbin/${name}`)
    expect(runtimesOf(usual, both).get('runc')).to.equal('/usr/sbin/runc')
    expect(runtimesOf(usual, both).has('nosuch')).to.equal(false)
  })

  it("are the engine's own where no name is given, or one that stands for it", () => {
    for (const name of ['', 'crun', 'io.containerd.runc.v2']) expect(driverNamed(name, usual)).to.equal(usual)
  })
})
