import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { expect } from 'chai'
import { Attachment } from '../../../src/engine/runtime/attach.js'

/** Listens as conmon does, does `act` once somebody is there, and ends. */
const listener = (path: string, act: string): string => `
  use Socket; $| = 1;
  my $server; socket($server, AF_UNIX, SOCK_SEQPACKET, 0) && bind($server, pack_sockaddr_un('${path}')) && listen($server, 5) or die;
  print "ready\\n"; <STDIN>; ${act}`

describe('a line to a container that ends before it is read', () => {
  let bundle: string
  beforeEach(() => (bundle = mkdtempSync(join(tmpdir(), 'attach-'))))
  afterEach(() => rmSync(bundle, { recursive: true }))

  const said = async (act: string): Promise<string> => {
    const conmon = spawn('perl', ['-e', listener(join(bundle, 'attach'), act)], { stdio: ['pipe', 'pipe', 'inherit'] })
    await once(conmon.stdout, 'data')
    const attachment = Attachment.open(bundle)
    const ended = once(conmon, 'exit')
    conmon.stdin.end('\n')
    await ended
    for (let turns = 0; turns < 10; turns++) await turn() // Node hears of its end
    const chunks: Buffer[] = []
    await attachment.read((_, chunk) => void chunks.push(chunk))
    return Buffer.concat(chunks).toString()
  }

  it('ends without a word', async () => expect(await said('accept(my $client, $server)')).to.equal(''))

  it('ends after its last words, however short', async () => {
    const words = `accept(my $client, $server); syswrite $client, chr(2) . $_ for 'last', ' ', 'words'`
    expect(await said(words)).to.equal('last words')
  })

  it('ends when nobody took it up', async () => expect(await said('')).to.equal(''))
})
