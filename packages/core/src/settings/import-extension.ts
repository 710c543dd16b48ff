import { isAbsolute, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { EnvError } from './env.ts'

/**
 * Imports the default export of an extension module.
 * @param variable the environment variable that named it
 * @param specifier a package name, or a path from the working directory
 * @throws EnvError with the module's name and the reason
 */
export async function importExtension<T extends object>(variable: string, specifier: string): Promise<T> {
  const isPath = specifier.startsWith('.') || isAbsolute(specifier)
  try {
    const module = await import(isPath ? pathToFileURL(resolve(specifier)).href : specifier)
    if (typeof module.default !== 'object' || module.default === null)
      throw new Error('it has no object as its default export')
    return module.default as T
  } catch (error) {
    throw new EnvError(`${variable}: ${specifier} does not load: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    })
  }
}
