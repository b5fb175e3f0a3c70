/**
 * Reads the lists of Debian's mirror, in a Dockerfile. One that is out of reach is said to be, and soon: by itself apt-get
 * passes over it, and waits for minutes before.
 */
export const aptUpdate = [
  'RES_OPTIONS="timeout:2 attempts:1" apt-get update -q -o APT::Update::Error-Mode=any',
  '-o Acquire::Retries=1 -o Acquire::http::Timeout=10 -o Acquire::https::Timeout=10',
].join(' ')
