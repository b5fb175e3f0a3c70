import { expect } from 'chai'
import { busyIn, eldersIn, listIn, mapIn, serversIn, slotsIn } from '../../../plugins/haproxy/answers.js'
import { backendsText, Slots, slotsFor, wantedState } from '../../../plugins/haproxy/state.js'

const target = (id: string) => ({ id, host: '10.0.0.1', port: 5000 })
const state = (...apps: string[]) => ({
  plain: new Map<string, string | null>([...apps.map((app) => [`${app}.test`, app] as const), ['own.test', null]]),
  secure: new Map<string, string | null>(),
  targets: new Map(apps.map((app) => [app, [target(`c-${app}`)]])),
  certificates: [],
})

describe('slots of HAProxy', () => {
  it('are as many as there may be apps, and as many again', () => {
    for (const [apps, slots] of [
      [0, 64],
      [31, 64],
      [32, 128],
      [1000, 2048],
    ] as const)
      expect(slotsFor(apps), String(apps)).to.equal(slots)
  })

  it('stay with their apps, and are given to another when nothing is left in them', () => {
    const slots = new Slots(2, [['a', 1]])
    slots.assign(['b', 'a'], () => false)
    expect(Object.fromEntries(slots.entries())).to.deep.equal({ a: 1, b: 0 })
    slots.assign(['a', 'c'], (slot) => slot === 0) // what b has left there has not ended
    expect(slots.of('c')).to.equal(undefined)
    slots.assign(['a', 'c'], () => false)
    expect(slots.of('c')).to.equal(0)
  })

  it('lead to the router what has none', () => {
    const slots = new Slots(1)
    slots.assign(['a', 'b'], () => false)
    const wanted = wantedState(state('a', 'b'), slots)
    expect(Object.fromEntries(wanted.plain)).to.deep.equal({ 'a.test': 's0', 'b.test': 'node', 'own.test': 'node' })
    expect(backendsText(wanted)).to.equal('backend s0 from slots\n  server c-a 10.0.0.1:5000\n')
  })

  it('hold nothing that would be another line of a configuration', () => {
    const slots = new Slots(1)
    slots.assign(['a'], () => false)
    const odd = {
      ...state('a'),
      targets: new Map([['a', [target('x\nbackend y'), target('x y'), { ...target('z'), host: 'a b' }]]]),
    }
    expect(backendsText(wantedState(odd, slots))).to.equal('backend s0 from slots\n')
    const hosts = {
      ...state('a'),
      plain: new Map([
        ['a\nb', 'a'],
        ['a b', 'a'],
        ['*.a.test', 'a'],
      ]),
    }
    expect([...wantedState(hosts, slots).plain.keys()]).to.deep.equal(['*.a.test'])
  })
})

describe('answers of HAProxy', () => {
  it('say what it has', () => {
    expect(slotsIn('# name\nclients\nnode\ns0\ns1\n')).to.equal(2)
    const columns = '# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_port'
    const servers = serversIn(
      `1\n${columns}\n3 node 1 router - 2 0 0\n6 s0 1 aaa 127.0.0.1 2 0 18519\n6 s0 2 bbb 10.0.0.2 0 1 80\n`,
    )
    expect([...servers]).to.deep.equal([
      [
        0,
        [
          { id: 'aaa', host: '127.0.0.1', port: 18519, retired: false },
          { id: 'bbb', host: '10.0.0.2', port: 80, retired: true },
        ],
      ],
    ])
    expect([...mapIn('0x55d9 a.test s0\n0x55da *.b.test node\n\n')]).to.deep.equal([
      ['a.test', 's0'],
      ['*.b.test', 'node'],
    ])
    expect([...listIn('# /x/list\n/x/fallback.pem:1\n/x/y.pem:2 y.test *.z.test\n')]).to.deep.equal([
      ['/x/fallback.pem', ''],
      ['/x/y.pem', 'y.test *.z.test'],
    ])
    const processes =
      '#<PID> <type>\n15783 master 1\n# workers\n16334 worker 0\n# old workers\n15826 worker 1 \n15827 worker 1\n# programs\n\n'
    expect(eldersIn(processes)).to.deep.equal([15826, 15827])
    expect(eldersIn('# workers\n16334 worker 0\n# programs\n')).to.deep.equal([])
    expect(
      busyIn('# pxname,svname,qcur,qmax,scur\ns1,aaa,0,0,2,9\ns1,bbb,0,0,0,1\nnode,router,0,0,4,1\n'),
    ).to.deep.equal(['aaa'])
  })
})
