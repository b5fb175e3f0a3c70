/**
 * A signal that aborts `ms` from now, or with the first of `signals`. Disposing stops the clock.
 *
 * Node 20 may collect an `AbortSignal.timeout` that nothing but an `AbortSignal.any` refers to, which then never aborts;
 * here the timer holds the signal. And Node keeps an `AbortSignal.any` for ever that has a listener and never aborts, with all that
 * the listener knows: there is none where the clock alone counts.
 */
export function deadline(
  ms: number,
  ...signals: readonly AbortSignal[]
): Disposable & { readonly signal: AbortSignal } {
  const clock = new AbortController()
  const timer = setTimeout(() => clock.abort(new DOMException(`not within ${ms} ms`, 'TimeoutError')), ms).unref()
  const signal = signals.length === 0 ? clock.signal : AbortSignal.any([clock.signal, ...signals])
  return { signal, [Symbol.dispose]: () => clearTimeout(timer) }
}
