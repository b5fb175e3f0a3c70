import { expect } from 'chai'
import { rustReason } from '../../../src/buildpacks/rust/failure.js'

const reason = (text: string): string | null => rustReason(text.split('\n'))

describe('the reason why a Rust build failed', () => {
  it('is the first error of the compiler, with its place', () => {
    const text =
      '   Compiling shop v0.1.0 (/app)\nwarning: unused\nerror[E0425]: cannot find function `x` in this scope\n  --> src/main.rs:3:5\n   |\nerror: could not compile `shop`'
    expect(reason(text)).to.equal('it does not compile: src/main.rs:3:5: cannot find function `x` in this scope')
  })

  it('is told with the way out', () => {
    const told: Readonly<Record<string, string>> = {
      'error: cannot update the lock file /app/Cargo.lock because --locked was passed to prevent this':
        'Cargo.lock does not match Cargo.toml',
      'error: the lock file /app/Cargo.lock needs to be updated but --locked was passed to prevent this':
        'Cargo.lock does not match Cargo.toml',
      'error: no matching package named `axumm` found': 'there is no crate "axumm"',
      'error: failed to select a version for the requirement `axum = "^99"`': 'asked for: axum "^99"',
      'error: rustc 1.85.0 is not supported by the following packages:': 'packages want a newer Rust than 1.85.0',
      'error: package `x v1.0.0` cannot be built because it requires rustc 1.99 or newer, while the currently active rustc version is 1.96.0':
        'wants Rust 1.99, and the newest that could be had is 1.96.0',
      "error[E0463]: can't find crate for `core`": "Rust's library for another target is not there",
      'error: set `DATABASE_URL` to use query macros online, or run `cargo sqlx prepare`': 'cargo sqlx prepare',
      'The system library `libudev` required by crate `libudev-sys` was not found.':
        'libudev-sys wants the library libudev',
      'error: linker `mold` not found': 'the linker mold is not there',
    }
    for (const [line, words] of Object.entries(told)) expect(reason(`x\n${line}\ny`), line).to.include(words)
  })

  it('is none where the lines do not tell', () => {
    expect(reason('error: could not compile `shop` due to 1 previous error')).to.equal(null)
    expect(reason('')).to.equal(null)
  })
})
