import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { EnvError } from './env.ts'

/** Finds the entry of a folder by its package.json, which `import` alone does not. */
const { resolve: entryOf } = createRequire(import.meta.url)

/**
 * Imports the default export of an extension module.
 * @param variable the environment variable that named it
 * @param specifier a file or folder, from the working directory, or the name of an installed package
 * @param check throws where the object is not what is needed here
 * @throws EnvError with the module's name and the reason
 */
export async function importExtension<T extends object>(
  variable: string,
  specifier: string,
  check: (extension: T) => void,
): Promise<T> {
  try {
    const path = resolve(specifier)
    const isThere = existsSync(path)
    // As the name of a package it would be looked for beside this file.
    if (!isThere && /^\.{0,2}\//.test(specifier)) throw new Error(`there is no ${path}`)
    const module = await import(isThere ? pathToFileURL(entryOf(path)).href : specifier)
    if (typeof module.default !== 'object' || module.default === null)
      throw new Error('it has no object as its default export')
    check(module.default)
    return module.default as T
  } catch (error) {
    throw new EnvError(`${variable}: ${specifier} does not load: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    })
  }
}
