/** Returns the version of the package. */
export function version(): string;
