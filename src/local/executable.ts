import { access, constants } from 'node:fs/promises';

/** Whether this user may run the file. */
export async function isExecutable(path: string): Promise<boolean> {
  return await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
