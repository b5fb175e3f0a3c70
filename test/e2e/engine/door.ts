import { connect, createServer, type AddressInfo } from 'node:net'

// A program: hands connections at a TCP address on to a unix socket. Started in another network namespace it is the way
// in for a server of this one. Says its port.
const [path = '', port = '0'] = process.argv.slice(2)
const server = createServer({ allowHalfOpen: true }, (near) => {
  const far = connect({ path, allowHalfOpen: true })
  for (const [from, to] of [
    [near, far],
    [far, near],
  ] as const)
    from
      .on('error', () => to.destroy())
      .on('close', () => to.destroy())
      .pipe(to)
})
server.listen(Number(port), '127.0.0.1', () => console.log((server.address() as AddressInfo).port))
