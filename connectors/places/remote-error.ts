/** What goes wrong on the way to a file, as opposed to within it. */

/** A file that could not be fetched, or changed meanwhile. The message says from where, what was tried and what came back. */
export class RemoteError extends RangeError {
  override readonly name = "RemoteError";
}
