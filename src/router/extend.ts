import util from 'node:util'

// http-proxy takes it when it is loaded. Node's own says in every process that calls it that it is deprecated (DEP0060).
Object.assign(util, { _extend: Object.assign })
