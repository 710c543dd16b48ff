/** One guarantee that the service relies on. `run` rejects with an AssertionError where the adapter does not give it. */
export interface ConformanceCheck {
  title: string
  run(): Promise<void>
}
