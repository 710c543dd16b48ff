// Who may import whom (docs/architecture.md). Type-only imports count: an arrow is an arrow.
const SOURCES = '^(apps|packages)/'
const TEST = '[.]test[.]ts$'

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'no-cycle',
      comment: 'Files that import each other in a circle cannot be understood or tested one by one.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'nothing-imports-an-app',
      comment: 'Apps are processes: what two of them share belongs in packages/core.',
      severity: 'error',
      from: { path: '^(apps/([^/]+)|packages|examples)/' },
      to: { path: '^apps/', pathNot: '^apps/$2/' },
    },
    {
      name: 'apps-import-core-only',
      comment: 'Of the workspace, an app imports itself and packages/core. Its tests may use the devkit.',
      severity: 'error',
      from: { path: '^apps/[^/]+/src/', pathNot: TEST },
      to: { path: '^packages/', pathNot: '^packages/core/' },
    },
    {
      name: 'core-imports-nothing-of-ours',
      comment: 'Core knows neither the apps nor the devkit. Its tests may use the devkit.',
      severity: 'error',
      from: { path: '^packages/core/src/', pathNot: TEST },
      to: { path: SOURCES, pathNot: '^packages/core/' },
    },
    {
      name: 'sandbox-imports-nothing-of-ours',
      comment: 'The sandbox is the other side: sharing code with the adapters, it would share their mistakes.',
      severity: 'error',
      from: { path: '^packages/devkit/src/sandbox/', pathNot: TEST },
      to: { path: SOURCES, pathNot: '^packages/devkit/src/sandbox/' },
    },
    {
      name: 'chaos-checker-stands-alone',
      comment: 'It says once more what has to be: sharing code with what it checks, it would share its mistakes.',
      severity: 'error',
      from: { path: '^packages/devkit/src/chaos/(books|check-books|explain-double)[.]ts$' },
      to: { path: SOURCES, pathNot: '^packages/devkit/src/chaos/(books|check-books|explain-double)[.]ts$' },
    },
    {
      name: 'channels-do-not-know-each-other',
      comment: 'A channel is one folder that can be added or taken away.',
      severity: 'error',
      from: { path: '^packages/core/src/channels/([^/]+)/' },
      to: { path: '^packages/core/src/channels/[^/]+/', pathNot: '^packages/core/src/channels/$1/' },
    },
    {
      name: 'schema-and-contracts-stand-alone',
      comment: 'Tables and shapes are what everything else builds on.',
      severity: 'error',
      from: { path: '^packages/core/src/(schema|contracts)/', pathNot: TEST },
      to: { path: SOURCES, pathNot: '^packages/core/src/$1/' },
    },
    {
      name: 'examples-import-what-outsiders-can',
      comment:
        'An example shows what can be built from outside: of ours it uses the entry of packages/core, for types.',
      severity: 'error',
      from: { path: '^examples/([^/]+)/src/', pathNot: TEST },
      to: { path: '^(apps|packages|examples)/', pathNot: '^(packages/core/src/index[.]ts$|examples/$1/)' },
    },
    {
      name: 'no-unresolvable',
      comment: 'An import that leads nowhere: a slip, or a dependency that package.json lacks.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    moduleSystems: ['es6'],
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
}
