/** Values of parameters as they are written. */

/** Values for a statement that does not say what it takes: what is JSON's number, truth value, null or quoted text is that, the rest text. */
export function valuesOf(
  given: Readonly<Record<string, string>>,
): Readonly<Record<string, string | number | boolean | null>> {
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => {
      const plain = /^(-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?|true|false|null)$/.test(value);
      return [name, plain || isQuoted(value) ? JSON.parse(value) as string | number | boolean | null : value];
    }),
  );
}

function isQuoted(value: string): boolean {
  if (!value.startsWith('"')) return false;
  try {
    return typeof JSON.parse(value) === "string";
  } catch {
    return false;
  }
}
