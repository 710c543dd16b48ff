import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { readEnv } from '@message-center/core/settings/env.ts'
import { Deployment } from 'kubernetes-models/apps/v1'
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2'
import { Job } from 'kubernetes-models/batch/v1'
import { Ingress, NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1'
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1'
import { ConfigMap, Service } from 'kubernetes-models/v1'
import { describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { deployFolder } from '../monitoring/monitoring-files.ts'
import { workspaceRoot } from '../services/workspace.ts'

interface ComposeService {
  image: string
  build?: { target: string; dockerfile: string }
  read_only?: boolean
  init?: boolean
  command?: string[]
  environment?: Record<string, string | number>
  depends_on?: Record<string, { condition: string }> | string[]
  healthcheck?: object
  volumes?: string[]
  profiles?: string[]
  ports?: string[]
}
interface Compose {
  services: Record<string, ComposeService>
  volumes: Record<string, null>
  configs: Record<string, object>
}

const compose: Compose = parse(readFileSync(join(workspaceRoot, 'docker-compose.yml'), 'utf8'), { merge: true })
const dockerfile = readFileSync(join(deployFolder, 'Dockerfile'), 'utf8')

describe('docker-compose.yml', () => {
  test('has two API and two worker processes, and what stands around them; Jaeger only where it is asked for', () => {
    expect(Object.keys(compose.services).sort()).toEqual(
      [
        ...['mysql', 'redis', 'migrate', 'api-1', 'api-2', 'worker-1', 'worker-2', 'nginx'],
        ...['prometheus', 'alertmanager', 'grafana', 'jaeger'],
      ].sort(),
    )
    expect(compose.services.jaeger?.profiles).toEqual(['tracing'])
  })

  test.each(['api-1', 'api-2', 'worker-1', 'worker-2'])(
    '%s cannot write, waits for the schema, and is looked after',
    (name) => {
      const service = compose.services[name]
      expect(service).toMatchObject({ read_only: true, init: true, cap_drop: ['ALL'], healthcheck: expect.anything() })
      expect(service?.depends_on).toMatchObject({
        migrate: { condition: 'service_completed_successfully' },
        redis: { condition: 'service_healthy' },
      })
    },
  )

  test('builds stages that the Dockerfile has', () => {
    for (const { build } of Object.values(compose.services)) {
      if (!build) continue
      expect(build.dockerfile).toBe('deploy/Dockerfile')
      expect(dockerfile).toMatch(new RegExp(`^FROM \\S+ AS ${build.target}$`, 'm'))
    }
  })

  test('gives the processes an environment that they take, without what a person has to fill in', () => {
    const given = compose.services['api-1']?.environment ?? {}
    const variables = Object.fromEntries(
      Object.entries(given).map(([name, value]) => [name, String(value).replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1')]),
    )
    const keys = `k:${Buffer.alloc(32).toString('base64')}`
    expect(readEnv({ ...variables, CONFIG_ENCRYPTION_KEYS: keys })).toMatchObject({ port: 3000, rpcPort: 50_051 })
  })

  test('mounts files that are there', () => {
    const mounts = Object.values(compose.services).flatMap(({ volumes = [] }) => volumes)
    for (const [source = ''] of mounts.map((mount) => mount.split(':'))) {
      if (source.startsWith('.')) expect([source, existsSync(join(workspaceRoot, source))]).toEqual([source, true])
      else expect(Object.keys(compose.volumes)).toContain(source)
    }
  })

  test('Redis keeps what it is told; MySQL commits to disk', () => {
    expect(compose.services.redis?.command?.join(' ')).toMatch(/--appendonly yes.*--maxmemory-policy noeviction/)
    expect(compose.services.mysql?.command).toContain('--innodb-flush-log-at-trx-commit=1')
    expect(compose.services.mysql?.image).toBe('mysql:8.4')
  })

  test('Prometheus and nginx ask each process by its service’s name', () => {
    const targets = (name: string): string[] =>
      parse(readFileSync(join(deployFolder, `compose/targets/${name}.yml`), 'utf8'))[0].targets
    expect(targets('api')).toEqual(['api-1:3000', 'api-2:3000'])
    expect(targets('worker')).toEqual(['worker-1:9464', 'worker-2:9464'])
    const upstreams = readFileSync(join(deployFolder, 'nginx/upstreams.conf'), 'utf8')
    const asked = new Set([...upstreams.matchAll(/server (\S+):\d+/g)].map(([, host]) => host))
    expect(asked).toEqual(new Set(['api-1', 'api-2']))
  })

  test('opens nothing to the outside but nginx', () => {
    const open = Object.entries(compose.services).filter(([, { ports = [] }]) =>
      ports.some((port) => !port.startsWith('127.0.0.1:')),
    )
    expect(open.map(([name]) => name)).toEqual(['nginx'])
  })
})

describe('Dockerfile', () => {
  test('runs the Node.js that the workspace pins, and the pnpm that made its lock file', () => {
    const { packageManager, devDependencies } = JSON.parse(readFileSync(join(workspaceRoot, 'package.json'), 'utf8'))
    expect(dockerfile.match(/^FROM node:\S+/gm)).toEqual(
      Array(2).fill(`FROM node:${devDependencies.node}-bookworm-slim`),
    )
    expect(dockerfile).toContain(`npx --yes ${packageManager} install --prod --frozen-lockfile`)
  })
})

interface Manifest {
  apiVersion: string
  kind: string
  metadata: { name: string }
}
/** Each checks an object against the OpenAPI description of its kind. */
const MODELS: Record<string, new (data: never) => { validate(): void }> = {
  ConfigMap,
  Deployment,
  HorizontalPodAutoscaler,
  Ingress,
  Job,
  NetworkPolicy,
  PodDisruptionBudget,
  Service,
}
/** Everything under deploy/k8s that is a Kubernetes object, with its file. */
const manifests = globSync('k8s/**/*.yaml', { cwd: deployFolder })
  .flatMap((file) =>
    parseAllDocuments(readFileSync(join(deployFolder, file), 'utf8')).map((document) => ({
      file,
      object: document.toJS() as Manifest,
    })),
  )
  .filter(({ object }) => object.kind && object.kind !== 'Kustomization')

describe('deploy/k8s', () => {
  test.each(manifests.map(({ file, object }) => [`${file} ${object.kind}`, object] as const))(
    '%s is of the form that Kubernetes knows',
    (_name, object) => {
      const Model = MODELS[object.kind]
      if (Model === undefined) throw new Error(`no model of ${object.kind} here`)
      expect(() => new Model(object as never).validate()).not.toThrow()
    },
  )

  test('each kustomization names files and folders that are there', () => {
    for (const file of globSync('k8s/**/kustomization.yaml', { cwd: deployFolder })) {
      const { resources } = parse(readFileSync(join(deployFolder, file), 'utf8')) as { resources: string[] }
      for (const resource of resources) {
        const path = join(deployFolder, dirname(file), resource)
        expect([file, resource, existsSync(path)]).toEqual([file, resource, true])
      }
    }
  })

  test('every pod is nobody in particular and cannot write', () => {
    const pods = manifests.flatMap(({ object }) => {
      const { spec } = object as Manifest & { spec?: { template?: { spec: object } } }
      return spec?.template ? [spec.template.spec] : []
    })
    expect(pods).toHaveLength(3)
    for (const pod of pods) {
      expect(pod).toMatchObject({
        automountServiceAccountToken: false,
        securityContext: { runAsNonRoot: true },
        containers: [{ securityContext: { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false } }],
      })
    }
  })

  test('the workers take every queue, each worker its own, and scale by it', () => {
    const files = globSync('k8s/workers/*/kustomization.yaml', { cwd: deployFolder })
    const taken = files.flatMap((file) => {
      const text = readFileSync(join(deployFolder, file), 'utf8')
      const [, queues = ''] = /env\/0\/value, value: "([^"]+)"/.exec(text) ?? []
      const [, scaledBy = ''] = /matchLabels\/queue, value: (\S+)/.exec(text) ?? []
      const list = queues.split(',')
      expect([list[0], `channel.${list[0]}`]).toContain(scaledBy)
      return list
    })
    expect(taken.sort()).toEqual(
      ['DINGTALK', 'LOCAL', 'WECHAT_WORK', 'callbacks', 'pipeline', 'results', 'scheduled'].sort(),
    )
  })
})
