import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { Availability } from '../availability.ts'

/** What can be asked of a process that waits for the database: whether it lives, and how it is. */
const ALWAYS = /^\/(?:health\/|metrics(?:\?|$))/

/** Until the database is there, every call is told to come again. */
export const startingPlugin = fp(
  async (app: FastifyInstance, { availability }: { availability: Availability }) => {
    app.addHook('onRequest', async (request) => {
      if (availability.state() === 'starting' && !ALWAYS.test(request.url)) availability.check()
    })
  },
  { name: 'starting' },
)
