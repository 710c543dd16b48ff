import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { dataDir, workspaceRoot } from '../services/workspace.ts'

const PACKAGES = ['grpcio==1.85.3', 'grpcio-reflection==1.85.1', 'grpcio-health-checking==1.85.1']
const VENV = join(dataDir, 'interop-venv')

/** Runs the Python client, with packages of its own, kept between runs. @throws Error where a check fails */
export function checkPythonClient(address: string, token: string): void {
  const python = join(VENV, 'bin/python')
  if (!existsSync(join(VENV, 'ready'))) {
    execFileSync('python3', ['-m', 'venv', '--clear', VENV], { stdio: 'inherit' })
    execFileSync(python, ['-m', 'pip', '-q', 'install', ...PACKAGES], { stdio: 'inherit' })
    execFileSync('touch', [join(VENV, 'ready')])
  }
  const script = join(workspaceRoot, 'packages/devkit/src/interop/grpc_client.py')
  execFileSync(python, [script, address, token], { stdio: 'inherit' })
}
