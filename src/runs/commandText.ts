// How messages name a command that the user may type next, so that it works as it stands where runs lie in another folder.
// Pure: from words to text.

/** The folder of runs where no other is given. */
export const usualRunsFolder = "runs";

/** A command as the user may type it here: with `--runs` where the folder is another one than usual, in quotes where a shell needs them. */
export function withRuns(command: string, runs: string): string {
  if (runs === usualRunsFolder) return command;
  return `${command} --runs ${/^[\w./~-]+$/.test(runs) ? runs : `'${runs.replaceAll("'", "'\\''")}'`}`;
}
