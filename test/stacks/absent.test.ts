import { expect } from 'chai'
import { whyAbsent } from '../../src/stacks/absent.js'

const dockerfile = 'FROM debian AS base\n'
const said = 'Dockerfile:1:6: Get "https://registry.example/v2/": dial tcp: no such host'
const why = (step: string, error = said, args = {}) =>
  whyAbsent([`Step 1/2 : ${step}`], {
    error,
    image: { dockerfile, ownDockerfile: 'Dockerfile', dockerignore: '', args },
  })

describe('an image that cannot be had', () => {
  it('is named, with what can be made here in its place', () => {
    expect(why('FROM node:20-alpine3.19')).to.match(
      /^node:20-alpine3\.19 is not on this machine.*\. node:20-slim is made here/,
    )
    expect(why('FROM golang:1.22-alpine AS x')).to.include('. golang:1.22 is made here')
    expect(why('FROM python:alpine')).to.include('. python:slim is made here')
    expect(why('FROM python:3.10-alpine')).to.include('. debian, node, python, ')
    expect(why('FROM alpine:3.20')).to.include(
      '. debian, node, python, golang, rust, ruby, eclipse-temurin, maven and elixir, on Debian, are made here',
    )
    expect(why('FROM ${BASE}', said, { BASE: 'busybox' })).to.match(/^busybox is not on/)
    expect(why('FROM ${BASE}')).to.match(/^an image that the Dockerfile names is not on/)
  })

  it('may be a stage that is misspelt', () =>
    expect(why('COPY --from=bass /x /y')).to.equal(
      'no stage is named bass (there are base), and no image of that name can be had',
    ))

  it('may want a login, by its registry', () => {
    const closed = 'Get "https://reg.example:5000/v2/": no basic auth credentials'
    expect(why('FROM reg.example:5000/me/app:1', closed)).to.equal(
      'reg.example:5000/me/app:1 is not there, or not for this login: `berth registry:login reg.example:5000 USER` takes a password on its standard input',
    )
    expect(why('FROM me/app', 'pull access denied for me/app: denied: requested access to the resource')).to.include(
      'registry:login docker.io USER',
    )
  })

  it('is not the reason of another failure', () =>
    expect(why('FROM alpine', 'The command returned a non-zero code: 1')).to.equal(null))
})
