/**
 * Node's TLS, loaded when it is first asked for: setting up OpenSSL takes two MiB, and an engine whose images are all made
 * here never speaks it.
 */
export const tls = () => process.getBuiltinModule('node:tls')

/** HTTP over that. */
export const https = () => process.getBuiltinModule('node:https')
