/** Kind `router`: a data plane in front of the Node router. */
export type RouterPlugin = object
