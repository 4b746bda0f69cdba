/** Work of migrations that outlives the request that asked for it. */
export const MIGRATION_JOBS = {
  /** Works on a run, beside the same job in other processes. */
  run: 'run_migration',
  /** Makes sure that somebody works on the run that is under way. */
  watch: 'watch_migrations',
  /** Reads both sides of a run back. */
  check: 'check_migration',
  /** Lists the copies that an operator wants to let go, and proves those that stay. */
  list: 'list_removal',
  /** Lets the listed copies go. */
  remove: 'apply_removal',
} as const;
