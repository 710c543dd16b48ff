import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { type Env, EnvError } from '@message-center/core/settings/env.ts'
import { expect, test } from 'vitest'
import { tokenKeys } from './token-keys.ts'

const pem = (key: KeyObject, type: 'spki' | 'pkcs8' = 'spki') => String(key.export({ type, format: 'pem' }))
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const algorithms = (env: Partial<Env>) => tokenKeys(env as Env, () => {}).algorithms

test('the algorithm follows from the key alone', () => {
  expect(algorithms({ jwtSecret: 'x' })).toEqual(['HS256'])
  expect(algorithms({ jwtSecret: 'x', jwtPublicKey: pem(rsa.publicKey), jwtJwksUrl: 'https://x' })).toEqual(['HS256'])
  expect(algorithms({ jwtPublicKey: pem(rsa.publicKey), jwtJwksUrl: 'https://x' })).toEqual(['RS256'])
  expect(algorithms({ jwtPublicKey: pem(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey) })).toEqual([
    'ES256',
  ])
  expect(algorithms({ jwtJwksUrl: 'https://x' })).toEqual(['RS256', 'ES256'])
})

test.each<[string, string]>([
  ['no key', 'a secret'],
  ['a private key', pem(rsa.privateKey, 'pkcs8')],
  ['a short RSA key', pem(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey)],
  ['an RSA-PSS key', pem(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey)],
  ['another curve', pem(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey)],
  ['an Ed25519 key', pem(generateKeyPairSync('ed25519').publicKey)],
])('JWT_PUBLIC_KEY that is %s stops the start with its name', (_, jwtPublicKey) => {
  expect(() => algorithms({ jwtPublicKey })).toThrow(EnvError)
  expect(() => algorithms({ jwtPublicKey })).toThrow(/^JWT_PUBLIC_KEY [^\n]+$/)
})
