import { execute, messageOf, type PluginLog } from 'berth/plugin'

/** ms that it has to say what it is. */
const patience = 10_000

/**
 * Whether the HAProxy here speaks HTTP/3: 3.2 or later, made with QUIC by an OpenSSL that has what that takes. Earlier ones are not known to
 * take a socket that is handed to them.
 * @param said its answer to `haproxy -vv`
 */
export function hasHttp3(said: string): boolean {
  const [, major = '0', minor = '0'] = /^HAProxy version (\d+)\.(\d+)/m.exec(said) ?? []
  const features = /^Feature list : (.*)$/m.exec(said)?.[1]?.split(' ') ?? []
  const isRecent = Number(major) > 3 || (Number(major) === 3 && Number(minor) >= 2)
  return isRecent && features.includes('+QUIC') && !features.includes('+QUIC_OPENSSL_COMPAT')
}

/** Asks the one that would be started. One that does not say is taken to speak none. */
export async function speaksHttp3(log: PluginLog): Promise<boolean> {
  try {
    const env = { PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` }
    return hasHttp3((await execute('haproxy', ['-vv'], { patience, env })).stdout)
  } catch (error) {
    log.warn(`HAProxy does not say whether it speaks HTTP/3: ${messageOf(error)}`)
    return false
  }
}
