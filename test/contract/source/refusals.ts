/** How a hostile file is refused, whatever its format. */

import { expect } from "vitest";
import type { SourceFormat } from "../../../src/model/ports.ts";

/**
 * A file is refused with its name, the place, what was found and what is required, on one line.
 *
 * @param says what the message has
 * @param longest characters of the message beside the path
 */
export async function expectRefusal(
  format: Pick<SourceFormat, "open">,
  path: string,
  says: RegExp,
  longest = 400,
): Promise<void> {
  const failure = await format.open(path, "id").then(
    (model) => model.close().then(() => null),
    (thrown: unknown) => thrown,
  );
  expect(failure).toBeInstanceOf(SyntaxError);
  const { message } = failure as SyntaxError;
  expect(message).toMatch(says);
  expect(message.startsWith(`${path}: `)).toBe(true);
  expect(message).toMatch(/required/);
  expect(message).not.toContain("\n");
  expect(message.length).toBeLessThan(path.length + longest);
}
